// Numbers in the bytes of files.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>

#include "kernels/base/error.h"

namespace sf {

static_assert(std::endian::native == std::endian::little, "file formats are mapped as they are");

// The number at a byte offset. Throws if it does not lie within the bytes.
template <class T>
T load_le(std::span<const std::byte> bytes, size_t offset) {
  SF_CHECK(offset <= bytes.size() && sizeof(T) <= bytes.size() - offset, "wanted ", sizeof(T),
           " bytes at byte ", offset, ", found the end at ", bytes.size());
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Overwrites sizeof(T) bytes, which must be there.
template <class T>
void store_le(std::span<std::byte> bytes, size_t offset, T value) {
  std::memcpy(bytes.subspan(offset, sizeof value).data(), &value, sizeof value);
}

}  // namespace sf
