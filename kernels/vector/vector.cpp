// Plain loops, which compilers vectorise: memory is what bounds them.
#include "kernels/vector/vector.h"

#include <algorithm>
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/element.h"
#include "kernels/base/pixels.h"
#include "kernels/vector/clip.h"

namespace sf {

SF_DEVICE_TABLE(AccumulateKernel, accumulate_kernels)
SF_DEVICE_TABLE(ScaleKernel, scale_kernels)
SF_DEVICE_TABLE(SumOfSquaresKernel, sum_of_squares_kernels)
SF_DEVICE_TABLE(ClampKernel, clamp_kernels)
SF_DEVICE_TABLE(ClipNormKernel, clip_norm_kernels)

namespace {

template <class T>
void accumulate(const ArraysProblem& p, const AccumulateArgs& a) {
  for (size_t j = 0; j < size_t(p.sizes.count); ++j)
    parallel_for_pixels(p.sizes.n[j], 1, [&](int64_t first, int64_t count) {
      const T* x = static_cast<const T*>(a.x[j]) + first;
      T* y = static_cast<T*>(a.y[j]) + first;
      for (int64_t i = 0; i < count; ++i) y[i] += x[i];
    });
}

template <class T>
void scale(const VectorProblem& p, const ScaleArgs& a) {
  const T factor = T(*a.factor);
  parallel_for_pixels(p.n, 1, [&](int64_t first, int64_t count) {
    const T* x = static_cast<const T*>(a.x) + first;
    T* y = static_cast<T*>(a.y) + first;
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] * factor;
  });
}

template <class T>
void clamp(const ClampProblem& p, const ClampArgs& a) {
  const T limit = T(p.limit);
  parallel_for_pixels(p.n, 1, [&](int64_t first, int64_t count) {
    const T* x = static_cast<const T*>(a.x) + first;
    T* y = static_cast<T*>(a.y) + first;
    for (int64_t i = 0; i < count; ++i) {
      const T below = x[i] > limit ? limit : x[i];
      y[i] = below < -limit ? -limit : below;
    }
  });
}

// The squares in sums side by side, since one sum waits for each addition before the next.
template <class T>
double squares(const T* x, int64_t n) {
  std::array<double, 8> sums{};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (size_t j = 0; j < 8; ++j) sums[j] += double(x[i + int64_t(j)]) * double(x[i + int64_t(j)]);
  for (; i < n; ++i) sums[0] += double(x[i]) * double(x[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

constexpr int64_t kBlocks = 64;  // of an array, of which each has a sum in the workspace

template <class T>
void sum_of_squares(const ArraysProblem& p, const SumOfSquaresArgs& a, double* sums) {
  double sum = 0;
  for (size_t j = 0; j < size_t(p.sizes.count); ++j) {
    const int64_t n = p.sizes.n[j], block = (n + kBlocks - 1) / kBlocks;
    parallel_for(kBlocks, 1, [&](int64_t i) {
      const int64_t first = std::min(i * block, n), last = std::min(first + block, n);
      sums[i] = squares(static_cast<const T*>(a.x[j]) + first, last - first);
    });
    for (int64_t i = 0; i < kBlocks; ++i) sum += sums[i];
  }
  *a.sum = sum;
}

size_t sums_bytes(const ArraysProblem&, void*) { return kBlocks * sizeof(double); }

void run_sum_of_squares(const ArraysProblem& p, const SumOfSquaresArgs& a, void*, void* workspace,
                        Queue) {
  with_arithmetic(
      p.dtype, [&](auto t) { sum_of_squares<decltype(t)>(p, a, static_cast<double*>(workspace)); });
}

void clip_norm(const ClipNormProblem& p, const ClipNormArgs& a, void*, void*, Queue) {
  double sum = 0;
  for (int64_t i = 0; i < p.sums; ++i) sum += a.squares[i];
  clip_norm(sum, p.max_norm, a);
}

bool can_run(const VectorProblem& p) { return is_arithmetic(p.dtype); }
bool can_run_arrays(const ArraysProblem& p) { return is_arithmetic(p.dtype); }
bool can_clamp(const ClampProblem& p) { return is_arithmetic(p.dtype); }
bool can_clip(const ClipNormProblem&) { return true; }

constexpr AccumulateKernel kAccumulate{
    .name = "reference",
    .can_run = can_run_arrays,
    .run = run_arithmetic<accumulate<float>, accumulate<double>>};
constexpr ScaleKernel kScale{
    .name = "reference", .can_run = can_run, .run = run_arithmetic<scale<float>, scale<double>>};
constexpr SumOfSquaresKernel kSumOfSquares{.name = "reference",
                                           .can_run = can_run_arrays,
                                           .workspace_bytes = sums_bytes,
                                           .run = run_sum_of_squares};
constexpr ClampKernel kClamp{
    .name = "reference", .can_run = can_clamp, .run = run_arithmetic<clamp<float>, clamp<double>>};
constexpr ClipNormKernel kClipNorm{.name = "reference", .can_run = can_clip, .run = clip_norm};

}  // namespace

std::span<const AccumulateKernel> accumulate_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kAccumulate, 1};
    case Backend::simt: return simt::accumulate_kernels();
    case Backend::cuda: return cuda::accumulate_kernels();
  }
  return {};
}

std::span<const ScaleKernel> scale_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kScale, 1};
    case Backend::simt: return simt::scale_kernels();
    case Backend::cuda: return cuda::scale_kernels();
  }
  return {};
}

std::span<const SumOfSquaresKernel> sum_of_squares_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kSumOfSquares, 1};
    case Backend::simt: return simt::sum_of_squares_kernels();
    case Backend::cuda: return cuda::sum_of_squares_kernels();
  }
  return {};
}

std::span<const ClampKernel> clamp_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kClamp, 1};
    case Backend::simt: return simt::clamp_kernels();
    case Backend::cuda: return cuda::clamp_kernels();
  }
  return {};
}

std::span<const ClipNormKernel> clip_norm_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kClipNorm, 1};
    case Backend::simt: return simt::clip_norm_kernels();
    case Backend::cuda: return cuda::clip_norm_kernels();
  }
  return {};
}

}  // namespace sf
