// What a kernel may use. One .cu compiles twice: by nvcc into sf::cuda, by the host's compiler into
// sf::simt, where kernels/simt runs it. A kernel uses nothing but this, tensor_core.h, async_copy.h
// and the headers that host and device share; no __shared__, no <<<>>>, no PTX, no CUB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/base/activation.h"
#include "kernels/base/half.h"

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define SF_DEVICE_NS cuda
#define SF_DEVICE __device__ __forceinline__
#define SF_HERE \
  = Site {}
#else
#include <algorithm>
#include <atomic>

#include "kernels/simt/thread.h"
#define SF_DEVICE_NS simt
#define SF_DEVICE inline
#define SF_HERE = Site::current()
// NOLINTBEGIN(bugprone-reserved-identifier): CUDA's names.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define threadIdx (::sf::simt::this_thread->index)
#define blockIdx (::sf::simt::this_block->index)
#define blockDim (::sf::simt::this_block->dim)
#define gridDim (::sf::simt::this_block->grid)
#define __syncthreads ::sf::simt::syncthreads
// NOLINTEND(bugprone-reserved-identifier)
#endif

// Everything with a body per target lives in the target's namespace: a program may hold both.
namespace sf::SF_DEVICE_NS {

#if defined(__CUDACC__)
SF_DEVICE void count_fma(int) {}  // on the host, counts multiply-adds for simt::Counters
struct Site {};                   // on the host, where in the source an operation is; for reports
constexpr int kWarpSize = 32;
#endif
constexpr unsigned kFullWarp = 0xFFFFFFFF;

template <class T, class U>
SF_HOST_DEVICE constexpr std::common_type_t<T, U> ceil_div(T a, U b) {
  return (a + b - 1) / b;
}
template <class T>
SF_HOST_DEVICE constexpr T minimum(T a, T b) {
  return b < a ? b : a;
}
template <class T>
SF_HOST_DEVICE constexpr T maximum(T a, T b) {
  return a < b ? b : a;
}

// NaN stays NaN.
SF_HOST_DEVICE inline float activate(Activation activation, float value) {
  return activation == Activation::relu && value < 0 ? 0 : value;
}

// The block's shared memory, aligned to 128 bytes.
template <class T>
SF_DEVICE T* dynamic_shared() {
#if defined(__CUDACC__)
  extern __shared__ __align__(128) unsigned char sf_dynamic_shared[];
  return reinterpret_cast<T*>(sf_dynamic_shared);
#else
  return reinterpret_cast<T*>(this_block->shared);
#endif
}

// N values that one instruction loads or stores, 16 bytes at most, aligned to their size.
template <class T, int N>
struct alignas(sizeof(T) * N) Vec {
  static_assert(sizeof(T) * N <= 16);
  T at[N];

  SF_HOST_DEVICE T& operator[](int i) { return at[i]; }
  SF_HOST_DEVICE const T& operator[](int i) const { return at[i]; }
};

// The most values of T that a Vec holds.
template <class T>
constexpr int kVec = 16 / sizeof(T);

template <int N, class T>
SF_DEVICE Vec<T, N> load(const T* from, [[maybe_unused]] Site site SF_HERE) {
#if !defined(__CUDACC__)
  access(Access::load, from, sizeof(Vec<T, N>), site);
#endif
  return *reinterpret_cast<const Vec<T, N>*>(from);
}
template <class T, int N>
SF_DEVICE void store(T* to, const Vec<T, N>& value, [[maybe_unused]] Site site SF_HERE) {
#if !defined(__CUDACC__)
  access(Access::store, to, sizeof(Vec<T, N>), site);
#endif
  *reinterpret_cast<Vec<T, N>*>(to) = value;
}

}  // namespace sf::SF_DEVICE_NS

#include "kernels/base/atomic.h"
#include "kernels/base/warp.h"
