// The one way to start a kernel.
#pragma once

#include <initializer_list>
#include <tuple>
#include <utility>

#include "kernels/base/device.h"
#include "kernels/base/kernel.h"
#include "kernels/base/storage.h"

#if !defined(__CUDACC__)
#include "kernels/simt/run.h"
#endif

namespace sf::SF_DEVICE_NS {

// The blocks of a launch, and where in the source it is.
struct Grid : dim3 {
  Grid(dim3 blocks, [[maybe_unused]] Site site SF_HERE) : dim3(blocks), where(site) {}
  template <class Int>
    requires std::is_integral_v<Int>
  Grid(Int blocks, [[maybe_unused]] Site site SF_HERE) : dim3(unsigned(blocks)), where(site) {}
  Site where;
};

// Runs kernel(args...) over grid x block threads with `shared_bytes` of dynamic_shared(). On CUDA
// the work is queued; a launch that fails is left in cudaGetLastError(), which the caller asks. On
// simt the work is done on return; throws as simt::run. The arguments convert to the kernel's
// parameter types first.
template <class... P, class... A>
void launch(void (*kernel)(P...), Grid grid, dim3 block, size_t shared_bytes,
            [[maybe_unused]] Queue queue, A&&... args) {
  static_assert(sizeof...(P) == sizeof...(A), "launch: wanted the kernel's number of arguments");
  std::tuple<P...> parameters(std::forward<A>(args)...);
#if defined(__CUDACC__)
  if (shared_bytes > size_t(48) << 10)
    cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                         cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes));
  std::apply(
      [&](auto&... p) {
        void* pointers[] = {const_cast<void*>(static_cast<const void*>(&p))..., nullptr};
        cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, pointers, shared_bytes,
                         static_cast<cudaStream_t>(queue.native));
      },
      parameters);
#else
  run({.grid = grid, .block = block, .shared_bytes = shared_bytes, .where = grid.where},
      [&] { std::apply(kernel, parameters); });
#endif
}

// Whether rows of c values of T, these pitches apart from these addresses on, are whole vectors.
template <class T>
bool aligned_for_vectors(int64_t c, std::initializer_list<int64_t> pitches,
                         std::initializer_list<const void*> addresses) {
  bool aligned = c % kVec<T> == 0;
  for (const int64_t pitch : pitches) aligned &= pitch % kVec<T> == 0;
  for (const void* address : addresses) aligned &= reinterpret_cast<uintptr_t>(address) % 16 == 0;
  return aligned;
}

// f(T{}, width) for the storage type T; width, a constant, counts the values of a vector: kVec<T>
// where rows of c values, these pitches apart from these addresses on, are whole vectors, else 1.
template <class F>
void with_vectors(DType dtype, int64_t c, std::initializer_list<int64_t> pitches,
                  std::initializer_list<const void*> addresses, const F& f) {
  with_storage(dtype, [&](auto t) {
    using T = decltype(t);
    if (aligned_for_vectors<T>(c, pitches, addresses))
      f(t, std::integral_constant<int, kVec<T>>{});
    else
      f(t, std::integral_constant<int, 1>{});
  });
}

}  // namespace sf::SF_DEVICE_NS
