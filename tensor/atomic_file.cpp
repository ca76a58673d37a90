#include "tensor/atomic_file.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  static std::atomic<int> count = 0;
  int fd = -1;
  do {  // a name may be left over from a killed process with this one's id
    temporary_ = folder_of(path_) / cat(".sf-writing-", getpid(), "-", count++);
    fd = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EEXIST);
  if (fd < 0) fail("could not create a file in its folder");
  file_ = fdopen(fd, "wb");
  if (!file_) {
    const int error = errno;
    close(fd);
    unlink(temporary_.c_str());
    errno = error;
    fail("could not be opened");
  }
}

AtomicFile::~AtomicFile() {
  if (!file_) return;
  std::fclose(file_);
  unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
    fail("could not be written");
  position_ += bytes.size();
  // The disk works while the rest is made, so that commit() waits for little.
  constexpr uint64_t kPortion = uint64_t{8} << 20;
  if (position_ - sent_ < kPortion) return;
  sync_file_range(fileno(file_), off_t(sent_), off_t(position_ - sent_), SYNC_FILE_RANGE_WRITE);
  sent_ = position_;
}

void AtomicFile::overwrite(uint64_t position, std::span<const std::byte> bytes) {
  SF_CHECK(position + bytes.size() <= position_, path_.string(), ": only ", position_,
           " bytes are written");
  if (fseeko(file_, off_t(position), SEEK_SET) != 0 ||
      std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size() ||
      fseeko(file_, 0, SEEK_END) != 0)
    fail("could not be written");
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::align(size_t alignment) {
  constexpr std::array<std::byte, 64> kZeros{};
  while (position_ % alignment != 0) {
    const size_t gap = alignment - size_t(position_ % alignment);
    write(std::span(kZeros).first(std::min(gap, kZeros.size())));
  }
}

void AtomicFile::commit() {
  if (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) fail("could not be written");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail("could not be renamed into place");
  std::fclose(std::exchange(file_, nullptr));
  // The rename itself reaches the disk with the folder. Some file systems do not offer this; the
  // file is whole anyway.
  const int folder = open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  fsync(folder);
  close(folder);
}

void AtomicFile::fail(std::string_view what) const {
  throw Error(cat(path_.string(), ": ", what, ": ", std::generic_category().message(errno)));
}

void write_atomically(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace sf
