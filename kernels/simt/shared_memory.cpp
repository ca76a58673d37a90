#include "kernels/simt/shared_memory.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/simt/address_sanitizer.h"

namespace sf::simt {
namespace {

constexpr auto kUninitialized = 0xFF, kUntouched = 0xA5;
constexpr size_t kAlignment = 128;

void forbid([[maybe_unused]] const std::byte* from, [[maybe_unused]] size_t bytes) {
#if defined(SF_ADDRESS_SANITIZER)
  __asan_poison_memory_region(from, bytes);
#endif
}
void allow([[maybe_unused]] const std::byte* from, [[maybe_unused]] size_t bytes) {
#if defined(SF_ADDRESS_SANITIZER)
  __asan_unpoison_memory_region(from, bytes);
#endif
}

}  // namespace

SharedMemory::SharedMemory() : memory_(new std::byte[kAlignment + 2 * kMargin + kLimit]) {}
SharedMemory::~SharedMemory() { allow(begin() - kMargin, 2 * kMargin + kLimit); }

std::byte* SharedMemory::begin() const {
  const auto first = reinterpret_cast<uintptr_t>(memory_.get() + kMargin);
  return reinterpret_cast<std::byte*>((first + kAlignment - 1) / kAlignment * kAlignment);
}

std::byte* SharedMemory::renew(size_t bytes) {
  allow(begin() - kMargin, 2 * kMargin + kLimit);
  bytes_ = bytes;
  std::memset(begin() - kMargin, kUntouched, kMargin);
  std::memset(begin(), kUninitialized, bytes);
  std::memset(begin() + bytes, kUntouched, kMargin);
  forbid(begin() - kMargin, kMargin);
  forbid(begin() + bytes, kLimit - bytes + kMargin);
  return begin();
}

bool SharedMemory::margins_intact() const {
  if (kAddressSanitizer) return true;  // or the program would have ended
  static const std::vector<std::byte> untouched(kMargin, std::byte{kUntouched});
  return std::memcmp(begin() - kMargin, untouched.data(), kMargin) == 0 &&
         std::memcmp(begin() + bytes_, untouched.data(), kMargin) == 0;
}

}  // namespace sf::simt
