#include "tensor/safetensors.h"

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf;
  using namespace sf::fuzz;
  const MemoryFile file(std::as_bytes(std::span(data, size)));
  for (const bool halves_as_f32 : {false, true})
    for (const bool channels_first_in_file : {false, true})
      attempt([&] {
        touch(parse_safetensors(file.mapped(), {halves_as_f32, channels_first_in_file}).tensors);
      });
  return 0;
}
