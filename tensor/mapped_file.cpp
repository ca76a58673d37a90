#include "tensor/mapped_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sf {
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

std::string reason() { return std::generic_category().message(errno); }

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // Not blocking: a pipe without a writer is refused below instead of waited for.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  SF_CHECK(file.fd >= 0, "could not be opened: ", reason());
  struct stat info {};
  SF_CHECK(fstat(file.fd, &info) == 0, "could not be examined: ", reason());
  SF_CHECK(!S_ISDIR(info.st_mode), "wanted a file, found a directory");
  SF_CHECK(S_ISREG(info.st_mode), "wanted a regular file, found a pipe, socket or device");
  const auto size = size_t(info.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.fd, 0);
    SF_CHECK(data != MAP_FAILED, "could not be mapped: ", reason());
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<std::byte*>(data), size));
}

MappedFile::~MappedFile() {
  if (data_) munmap(data_, size_);
}

void MappedFile::expect_jumps() const { madvise(data_, size_, MADV_RANDOM); }

void MappedFile::read_ahead(std::span<const std::byte> part) const {
  constexpr size_t kStep = size_t{4} << 20;  // more at once is not granted
  constexpr size_t kBeyond = 2 * kStep;
  const auto begin = uintptr_t(part.data()) - uintptr_t(data_);
  if (begin > size_ || part.size() > size_ - begin) return;
  const size_t end = begin + part.size() + std::min(kBeyond, size_ - begin - part.size());
  const auto page = size_t(sysconf(_SC_PAGESIZE));
  for (size_t at = begin / page * page; at < end; at += kStep)
    madvise(data_ + at, std::min(kStep, end - at), MADV_WILLNEED);
}

void MappedFile::drop_pages(size_t begin, size_t count) const {
  const auto page = size_t(sysconf(_SC_PAGESIZE));
  const size_t first = (begin + page - 1) / page * page, end = (begin + count) / page * page;
  if (first < end) madvise(data_ + first, end - first, MADV_DONTNEED);
}

void MappedFile::drop_pages(std::span<const std::byte> memory) const {
  const auto begin = uintptr_t(memory.data()) - uintptr_t(data_);
  if (begin <= size_ && memory.size() <= size_ - begin) drop_pages(begin, memory.size());
}

std::string printable(std::string_view text) {
  constexpr size_t kLongest = 80;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = uint8_t(c);
    if (byte >= 0x20 && byte < 0x7F && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  if (text.size() > kLongest) out += "...";
  return out;
}

}  // namespace sf
