// The checks of zip archives above libzip's own, and the checkpoints in them. An input that begins
// with "PK" is an archive. From others an archive is made whose headers agree with each other and
// whose checksums are right, because mutations of archives hardly ever get past libzip.
#include <vector>

#include "tensor/pytorch_zip.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

uint32_t zip_crc(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= uint8_t(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

std::string le(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += char(value >> (8 * i));
  return out;
}

class Description {
 public:
  explicit Description(std::string_view bytes) : left_(bytes) {}

  bool empty() const { return left_.empty(); }
  std::string_view text(size_t length) {
    const std::string_view taken = left_.substr(0, length);
    left_.remove_prefix(taken.size());
    return taken;
  }
  uint32_t number(size_t bytes) {
    uint32_t value = 0;
    for (const char c : text(bytes)) value = value << 8 | uint8_t(c);
    return value;
  }

 private:
  std::string_view left_;
};

// Entry after entry: length of the name (1 byte), name, flags (1), method (1), length of the data
// (2), data, and where the length of the name is above 127, sizes that may lie (4 each).
std::string archive_of(Description input) {
  std::string archive, directory;
  int entries = 0;
  while (!input.empty()) {
    const uint32_t length = input.number(1);
    const std::string_view name = input.text(length & 0x7F);
    const uint32_t flags = input.number(1), method = input.number(1);
    const std::string_view data = input.text(input.number(2));
    const bool lies = length > 0x7F;
    const uint32_t stored = lies ? input.number(4) : uint32_t(data.size());
    const uint32_t unpacked = lies ? input.number(4) : uint32_t(data.size());
    const std::string header =
        cat(le(20, 2), le(flags, 2), le(method, 2), le(0, 4), le(zip_crc(data), 4), le(stored, 4),
            le(unpacked, 4), le(name.size(), 2), le(0, 2));
    directory +=
        cat("PK\1\2", le(20, 2), header, std::string(10, '\0'), le(archive.size(), 4), name);
    archive += cat("PK\3\4", header, name, data);
    ++entries;
  }
  const size_t begin = archive.size();
  return cat(archive, directory, "PK\5\6", le(0, 4), le(uint64_t(entries), 2),
             le(uint64_t(entries), 2), le(directory.size(), 4), le(begin, 4), le(0, 2));
}

}  // namespace
}  // namespace sf::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sf;
  using namespace sf::fuzz;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string archive =
      input.starts_with("PK") ? std::string(input) : archive_of(Description(input));
  const MemoryFile file(std::as_bytes(std::span(archive)));
  attempt([&] { touch(parse_pytorch_zip(file.mapped())); });
  return 0;
}
