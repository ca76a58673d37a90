// Files made by tests, and what a reader says about them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <unistd.h>

#include "kernels/base/counter_rng.h"
#include "kernels/base/error.h"
#include "tests/error_of.h"

namespace sf {

// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<int> count = 0;
    path_ = std::filesystem::temp_directory_path() / cat("sf_test_", getpid(), "_", count++);
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// As a new file: some file systems flush a file that is written again to the disk at once, which
// takes milliseconds.
inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::filesystem::path golden(std::string_view name) {
  return std::filesystem::path(SF_SOURCE_DIR) / "tests" / "golden" / name;
}

// Calls read(PATH) for `bytes` cut at `cuts` lengths and with 1 to 4 flipped bits in `flips`
// variants; each must give a result or an sf::Error of one line. Returns how many of them gave an
// error.
template <class F>
int count_refusals(const std::filesystem::path& path, const std::string& bytes, int cuts, int flips,
                   const F& read) {
  int refused = 0;
  const auto attempt = [&](const std::string& damaged) {
    write_bytes(path, damaged);
    const std::string error = error_of([&] { read(path); });
    if (!error.empty()) ++refused;
    if (error.find('\n') != std::string::npos)
      throw std::runtime_error("more than one line: " + error);
  };
  const CounterRng rng("damage");
  uint64_t draw = 0;
  // Half of the damage falls into the first 4096 bytes, where the structure of small files is.
  const auto place = [&] {
    const size_t span =
        rng.bits(draw++) % 2 == 0 ? std::min<size_t>(bytes.size(), 4096) : bytes.size();
    return size_t(rng.bits(draw++) % span);
  };
  for (int i = 0; i < cuts; ++i) attempt(bytes.substr(0, place()));
  for (int i = 0; i < flips; ++i) {
    std::string damaged = bytes;
    const uint64_t count = 1 + rng.bits(draw++) % 4;
    for (uint64_t k = 0; k < count; ++k) {
      char& byte = damaged[place()];
      byte = char(uint8_t(byte) ^ (1u << rng.bits(draw++) % 8));
    }
    attempt(damaged);
  }
  return refused;
}

}  // namespace sf
