// Files of outside origin as bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/base/error.h"

namespace sf {

// A whole file in memory, mapped privately: what is written to the bytes never reaches the file.
// The file must not be shortened while mapped; files replaced by rename are safe.
class MappedFile {
 public:
  // Throws if the path is not a readable regular file.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<std::byte> bytes() const { return {data_, size_}; }

  // Where little is read here and there: from now on the disk reads nothing beyond what is touched
  // or asked for by read_ahead().
  void expect_jumps() const;
  // Lets the disk read a part of bytes() and some more behind it.
  void read_ahead(std::span<const std::byte> part) const;

  // Gives back the memory of the pages that lie within the given bytes; they are read anew when
  // used again, without what has been written to them.
  void drop_pages(size_t begin, size_t count) const;
  // Those within the given memory, if it is of this file.
  void drop_pages(std::span<const std::byte> memory) const;

 private:
  MappedFile(std::byte* data, size_t size) : data_(data), size_(size) {}

  std::byte* data_;
  size_t size_;
};

// Text from a file, fit for one line of an error: control characters and quotes escaped, cut after
// 80 characters.
std::string printable(std::string_view text);

// Calls f; an sf::Error that leaves it says first where it was.
template <class F>
auto naming(std::string_view where, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const Error& error) { throw Error(cat(where, ": ", error.what())); }
}

template <class F>
auto naming_file(const std::filesystem::path& path, F&& f) {
  return naming(path.string(), std::forward<F>(f));
}

}  // namespace sf
