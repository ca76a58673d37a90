#include "tensor/safetensors.h"

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf;
  using namespace sf::fuzz;
  const MemoryFile file(std::as_bytes(std::span(data, size)));
  for (const bool halves_as_f32 : {false, true})
    attempt([&] {
      const Safetensors found = parse_safetensors(file.mapped(), {.halves_as_f32 = halves_as_f32});
      touch(found.tensors);
      for (const auto& [name, tensor] : found.tensors) channels_last_from_first(tensor);
    });
  return 0;
}
