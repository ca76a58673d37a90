// The engine's own checkpoints: as they are, and with checksums made right, which no mutation
// meets.
#include <algorithm>
#include <vector>

#include "tensor/crc32c.h"
#include "tensor/little_endian.h"
#include "tensor/sf_file.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

// Offsets of the header (docs/checkpoint-format.md).
constexpr size_t kHeaderBytes = 64, kAtIndexCrc = 12, kAtIndexBytes = 16, kAtFileBytes = 24,
                 kAtCrc = 60;

std::vector<std::byte> sealed(std::span<const std::byte> bytes) {
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  if (out.size() < kHeaderBytes) return out;
  const size_t index =
      std::min<uint64_t>(load_le<uint64_t>(out, kAtIndexBytes), out.size() - kHeaderBytes);
  store_le(std::span(out), kAtIndexCrc, crc32c(std::span(out).subspan(kHeaderBytes, index)));
  store_le(std::span(out), kAtFileBytes, uint64_t(out.size()));
  store_le(std::span(out), kAtCrc, crc32c(std::span(out).first(kAtCrc)));
  return out;
}

}  // namespace
}  // namespace sf::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf::fuzz;
  const auto bytes = std::as_bytes(std::span(data, size));
  attempt([&] { touch(sf::parse_sf(MemoryFile(bytes).mapped())); });
  attempt([&] { touch(sf::parse_sf(MemoryFile(sealed(bytes)).mapped())); });
  return 0;
}
