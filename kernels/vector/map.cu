// A thread four values, 16 bytes, where the addresses allow it; what is left behind the last four
// goes one by one.
#include <array>

#include "kernels/base/array_chunks.h"
#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/vector/vector.h"

namespace sf {

SF_DEVICE_TABLE(AccumulateKernel, accumulate_kernels)
SF_DEVICE_TABLE(ScaleKernel, scale_kernels)
SF_DEVICE_TABLE(ClampKernel, clamp_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = ArrayChunks::kThreads;

struct Multiply {
  const double* factor;
  SF_DEVICE float operator()(float x) const { return x * float(*factor); }
};

struct Clamp {
  float limit;
  // NaN stays NaN.
  SF_DEVICE float operator()(float x) const {
    const float below = x > limit ? limit : x;
    return below < -limit ? -limit : below;
  }
};

// y = f(x).
template <int kWidth, class F>
__global__ void __launch_bounds__(kThreads) map_kernel(int64_t n, const float* x, float* y, F f) {
  const int64_t first = (int64_t(blockIdx.x) * kThreads + threadIdx.x) * kWidth;
  if (first + kWidth <= n) {
    auto v = load<kWidth>(x + first);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) v[k] = f(v[k]);
    store(y + first, v);
  } else {
    for (int64_t i = first; i < n; ++i) y[i] = f(x[i]);
  }
}

template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    accumulate_kernel(ArrayChunks chunks, ArrayList<const void> x, ArrayList<void> y) {
  for_array_vectors<kWidth>(chunks, [&](int array, int i, auto width) {
    float* to = static_cast<float*>(y[array]) + i;
    const auto v = load<width>(static_cast<const float*>(x[array]) + i);
    auto sum = load<width>(to);
#pragma unroll
    for (int k = 0; k < width; ++k) sum[k] += v[k];
    store(to, sum);
  });
}

template <class F>
void map(int64_t n, const void* x, void* y, Queue queue, const F& f) {
  const auto start = [&](auto width) {
    launch(map_kernel<width, F>, ceil_div(n, int64_t{width} * kThreads), kThreads, 0, queue, n,
           static_cast<const float*>(x), static_cast<float*>(y), f);
  };
  if (aligned_for_vectors<float>(0, {}, {x, y}))
    start(std::integral_constant<int, kVec<float>>{});
  else
    start(std::integral_constant<int, 1>{});
}

template <class Problem>
bool can_run(const Problem& p) {
  return p.dtype == DType::f32;
}

void accumulate(const ArraysProblem& p, const AccumulateArgs& a, void*, void*, Queue queue) {
  const ArrayChunks chunks(p.sizes);
  const auto start = [&](auto width) {
    launch(accumulate_kernel<width>, chunks.blocks(), kThreads, 0, queue, chunks, a.x, a.y);
  };
  with_array_vectors(p.sizes.count, start, a.x, a.y);
}
void scale(const VectorProblem& p, const ScaleArgs& a, void*, void*, Queue queue) {
  map(p.n, a.x, a.y, queue, Multiply{a.factor});
}
void clamp(const ClampProblem& p, const ClampArgs& a, void*, void*, Queue queue) {
  map(p.n, a.x, a.y, queue, Clamp{float(p.limit)});
}

}  // namespace

std::span<const AccumulateKernel> accumulate_kernels() {
  static constexpr std::array rows{
      AccumulateKernel{.name = "vectors", .can_run = can_run<ArraysProblem>, .run = accumulate}};
  return rows;
}

std::span<const ScaleKernel> scale_kernels() {
  static constexpr std::array rows{
      ScaleKernel{.name = "vectors", .can_run = can_run<VectorProblem>, .run = scale}};
  return rows;
}

std::span<const ClampKernel> clamp_kernels() {
  static constexpr std::array rows{
      ClampKernel{.name = "vectors", .can_run = can_run<ClampProblem>, .run = clamp}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
