#include "tests/fuzz/target.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include <sys/mman.h>
#include <unistd.h>

#include "tensor/crc32c.h"

#if defined(__SANITIZE_ADDRESS__)
#define SF_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SF_ADDRESS_SANITIZER
#endif
#endif
#ifdef SF_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) (static_cast<void>(address))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (static_cast<void>(address))
#endif

namespace sf::fuzz {

Outcomes& outcomes() {
  static Outcomes all;
  return all;
}

void note(const Error& error) {
  ++outcomes().errors;
  const std::string_view message = error.what();
  const auto is_control = [](char c) { return uint8_t(c) < 0x20 || c == 0x7F; };
  if (message.empty() || std::ranges::any_of(message, is_control))
    throw std::logic_error("wanted an error of one line, found: " + std::string(message));
}

MemoryFile::MemoryFile(std::span<const std::byte> bytes) : fd_(memfd_create("input", MFD_CLOEXEC)) {
  if (fd_ < 0 || ::write(fd_, bytes.data(), bytes.size()) != ssize_t(bytes.size()))
    throw std::runtime_error("no file in memory");
}

MemoryFile::~MemoryFile() { close(fd_); }

std::shared_ptr<const MappedFile> MemoryFile::mapped() const {
  const auto file = MappedFile::open(path());
  const std::span<std::byte> bytes = file->bytes();
  const auto page = size_t(sysconf(_SC_PAGESIZE));
  std::byte* const end = bytes.data() + bytes.size();
  const size_t rest = (page - bytes.size() % page) % page;
  ASAN_POISON_MEMORY_REGION(end, rest);
  return {file.get(), [file, end, rest](const MappedFile*) {
            ASAN_UNPOISON_MEMORY_REGION(end, rest);
            static_cast<void>(rest);
          }};
}

void touch(const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors)
    outcomes().checksum =
        crc32c({tensor.data(), size_t(tensor.type().bytes())}, outcomes().checksum);
}

void touch(const StoredCheckpoint& checkpoint) {
  for (const auto* tensors : {&checkpoint.tensors, &checkpoint.optimizer})
    for (const StoredTensor& stored : *tensors) {
      const Tensor tensor = stored.load();
      if (tensor.type() != stored.type) std::abort();
      touch({{stored.name, tensor}});
    }
}

}  // namespace sf::fuzz
