// Memory of the laws' tensors: where a CUDA device is, memory that it and the host both see.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string_view>
#include <vector>

#include "kernels/base/cuda/runtime.h"

#if defined(SF_WITH_CUDA)
#include "kernels/base/cuda/check.h"
#endif

namespace sf::test {

template <class T>
struct VisibleAllocator {
  using value_type = T;

  VisibleAllocator() = default;
  template <class U>
  VisibleAllocator(const VisibleAllocator<U>&) {}

  T* allocate(size_t count) {
#if defined(SF_WITH_CUDA)
    if (cuda::device_count() > 0) {
      void* data = nullptr;
      SF_CUDA(cudaMallocManaged(&data, count * sizeof(T), cudaMemAttachGlobal));
      return static_cast<T*>(data);
    }
#endif
    return static_cast<T*>(::operator new(count * sizeof(T), kAlignment));
  }
  void deallocate(T* data, size_t) {
#if defined(SF_WITH_CUDA)
    if (cuda::device_count() > 0) {
      cudaFree(data);
      return;
    }
#endif
    ::operator delete(data, kAlignment);
  }
  friend bool operator==(VisibleAllocator, VisibleAllocator) { return true; }

 private:
  static constexpr std::align_val_t kAlignment{64};
};

template <class T>
using VisibleVector = std::vector<T, VisibleAllocator<T>>;

// One number there.
template <class T>
class Visible {
 public:
  Visible(T value) : memory_(1, value) {}
  operator T&() { return memory_[0]; }
  operator const T&() const { return memory_[0]; }
  T* data() { return memory_.data(); }

 private:
  VisibleVector<T> memory_;
};

// Returns when the device has done all work; throws, with the kernel's name, what it ran into.
inline void wait_for_device([[maybe_unused]] std::string_view kernel) {
#if defined(SF_WITH_CUDA)
  cudaDeviceSynchronize();
  cuda::check_launches(kernel);
#endif
}

}  // namespace sf::test
