// Files that appear whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string_view>

namespace sf {

// Writes to a temporary name in the folder of `path`; commit() flushes to the disk and renames,
// replacing a file of that name. Whoever opens `path` sees the old content or the new, also after a
// crash or a full disk. Destroyed without commit(), it leaves no trace. Temporary names begin with
// ".sf-writing-". Throws sf::Error, naming `path`.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  // Zero bytes up to a position that is a multiple of `alignment`.
  void align(size_t alignment);
  uint64_t position() const { return position_; }
  // Other bytes in the place of some that have been written.
  void overwrite(uint64_t position, std::span<const std::byte> bytes);
  // At most once, and nothing is written afterwards.
  void commit();

 private:
  [[noreturn]] void fail(std::string_view what) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::FILE* file_ = nullptr;
  uint64_t position_ = 0;
  uint64_t sent_ = 0;  // how far the system has been told to begin with the disk
};

// Replaces the file by that text, as AtomicFile does.
void write_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace sf
