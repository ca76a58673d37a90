// Copies from global to shared memory that go on while the thread computes. A thread sees its own
// copies after async_copy_wait, others' after a barrier behind that.
#pragma once

#include "kernels/base/device.h"

namespace sf::SF_DEVICE_NS {

// Copies kBytes (4, 8 or 16), both addresses aligned to them. Writes zeros instead, and reads
// nothing, unless valid.
template <int kBytes>
SF_DEVICE void async_copy(void* shared, const void* global, bool valid = true,
                          [[maybe_unused]] Site site SF_HERE) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
#if defined(__CUDA_ARCH__)
  const auto to = uint32_t(__cvta_generic_to_shared(shared));
  const int bytes = valid ? kBytes : 0;
  if constexpr (kBytes == 16)  // past the first-level cache
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(global),
                 "n"(kBytes), "r"(bytes)
                 : "memory");
#elif !defined(__CUDACC__)
  cp_async(shared, global, kBytes, valid, site);
#endif
}

// Ends a group of copies; empty groups count.
SF_DEVICE void async_copy_commit() {
#if defined(__CUDA_ARCH__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#elif !defined(__CUDACC__)
  cp_async_commit();
#endif
}

// Waits for all groups of this thread but the last kPending.
template <int kPending>
SF_DEVICE void async_copy_wait() {
#if defined(__CUDA_ARCH__)
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#elif !defined(__CUDACC__)
  cp_async_wait(kPending);
#endif
}

}  // namespace sf::SF_DEVICE_NS
