// What the fuzz targets share. Each source beside this one is the target of a reader of outside
// files: libFuzzer drives it with SF_FUZZ, replay.cpp without.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tensor/checkpoint.h"
#include "tensor/mapped_file.h"

// Reads one input. Whatever escapes from it, and a hang, is a finding.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace sf::fuzz {

// Of all inputs so far: how often a reader gave a result, how often an error, and what it read.
struct Outcomes {
  int64_t results = 0;
  int64_t errors = 0;
  uint32_t checksum = 0;  // of the tensors
};
Outcomes& outcomes();

// Notes an error; its message has to be one line without control characters.
void note(const Error& error);

// Calls read(), which may throw sf::Error and nothing else.
template <class F>
void attempt(const F& read) {
  try {
    read();
    ++outcomes().results;
  } catch (const Error& error) { note(error); }
}

// Bytes as a file that is in memory only.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> bytes);
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile();

  std::filesystem::path path() const { return cat("/proc/self/fd/", fd_); }
  // The address sanitizer counts what lies behind the last byte of the file as out of bounds.
  std::shared_ptr<const MappedFile> mapped() const;

 private:
  int fd_;
};

// Reads every byte of the tensors.
void touch(const NamedTensors& tensors);
void touch(const StoredCheckpoint& checkpoint);

}  // namespace sf::fuzz
