// Atomic operations on global and shared memory; each returns what was there. Relaxed: they order
// nothing else. Part of device.h.
#pragma once

#include "kernels/base/device.h"

namespace sf::SF_DEVICE_NS {

// T: float, double, int, unsigned.
template <class T>
SF_DEVICE T atomic_add(T* to, T value) {
#if defined(__CUDACC__)
  return atomicAdd(to, value);
#else
  std::atomic_ref<T> target(*to);
  T before = target.load(std::memory_order_relaxed);
  while (!target.compare_exchange_weak(before, T(before + value), std::memory_order_relaxed)) {}
  return before;
#endif
}

// T: int, unsigned.
template <class T>
SF_DEVICE T atomic_max(T* to, T value) {
#if defined(__CUDACC__)
  return atomicMax(to, value);
#else
  std::atomic_ref<T> target(*to);
  T before = target.load(std::memory_order_relaxed);
  while (
      !target.compare_exchange_weak(before, std::max(before, value), std::memory_order_relaxed)) {}
  return before;
#endif
}

// Orders what this thread, and those it met at a barrier before, read and wrote ahead of it and
// behind it, for the whole grid: who sees an atomic of a thread behind its fence, and fences too,
// sees all that was written before that fence.
SF_DEVICE void thread_fence() {
#if defined(__CUDACC__)
  __threadfence();
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace sf::SF_DEVICE_NS
