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

  // Gives back the memory of pages that have been read; they are read anew when used again. Not for
  // files whose bytes have been written to.
  void drop_pages() const { drop_pages(0, size_); }
  // Those that begin within the given bytes.
  void drop_pages(size_t begin, size_t count) const;

 private:
  MappedFile(std::byte* data, size_t size) : data_(data), size_(size) {}

  std::byte* data_;
  size_t size_;
};

// Text from a file, fit for one line of an error: control characters and quotes escaped, cut after
// 80 characters.
std::string printable(std::string_view text);

// Calls f; an sf::Error that leaves it names the file first.
template <class F>
auto naming_file(const std::filesystem::path& path, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const Error& error) { throw Error(cat(path.string(), ": ", error.what())); }
}

}  // namespace sf
