#include "configs/config.h"

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf;
  using namespace sf::fuzz;
  attempt([&] {
    Config config;
    config.merge_text({reinterpret_cast<const char*>(data), size}, "input");
    attempt([&] { config.validate(); });
    config.dump();
  });
  return 0;
}
