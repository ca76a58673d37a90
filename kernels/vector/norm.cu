// Sums in double precision, pairwise over the threads of a block and in two stages over blocks: the
// order depends on the size alone.
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/base/channel_tiles.h"
#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/vector/vector.h"

namespace sf {

SF_DEVICE_TABLE(SumOfSquaresKernel, sum_of_squares_kernels)
SF_DEVICE_TABLE(ClipNormKernel, clip_norm_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;
constexpr size_t kShared = sizeof(double) * kThreads;

// The sum of what the threads of a block bring, in thread 0.
SF_DEVICE double sum_of_block(double value) {
  double values[1] = {value};
  sum_over_rows(values, kThreads, 1, dynamic_shared<double>());
  return values[0];
}

// What a thread has of `count` values that its block adds up.
template <class F>
SF_DEVICE double sum_of_thread(int count, const F& value) {
  double sum = 0;
  for_pixel_batches<4>(int(threadIdx.x), kThreads, count, [&](auto n, int i) {
    double values[n];
#pragma unroll
    for (int j = 0; j < n; ++j) values[j] = value(i + j * kThreads);
#pragma unroll
    for (int j = 0; j < n; ++j) sum += values[j];
  });
  return sum;
}

// The parts of an array that blocks add up.
struct Parts {
  int64_t size;  // a whole number of vectors
  int count;

  explicit Parts(int64_t n) {
    constexpr int64_t kMostParts = 1024, kStep = kThreads * kVec<float> * 4;
    size = ceil_div(ceil_div(n, kMostParts), kStep) * kStep;
    count = int(ceil_div(n, size));
  }
};

template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    squares_kernel(int64_t n, Parts parts, const float* x, double* sums) {
  const int64_t first = blockIdx.x * parts.size;
  const auto count = int(minimum(parts.size, n - first));
  x += first;
  double sum = sum_of_thread(count / kWidth, [&](int i) {
    const auto v = load<kWidth>(x + int64_t(i) * kWidth);
    double squares = 0;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) squares += double(v[k]) * double(v[k]);
    return squares;
  });
  if (const int i = count / kWidth * kWidth + int(threadIdx.x); i < count)
    sum += double(x[i]) * double(x[i]);
  sum = sum_of_block(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads)
    add_parts_kernel(int count, const double* sums, double* total) {
  const double sum = sum_of_block(sum_of_thread(count, [&](int i) { return sums[i]; }));
  if (threadIdx.x == 0) *total = sum;
}

__global__ void __launch_bounds__(kThreads) clip_norm_kernel(ClipNormProblem p, ClipNormArgs a) {
  const double sum =
      sum_of_block(sum_of_thread(int(p.arrays), [&](int i) { return a.squares[i]; }));
  if (threadIdx.x > 0) return;
  const double norm = std::sqrt(sum), factor = p.max_norm / (norm + 1e-6);
  *a.norm = norm;
  *a.factor = p.max_norm <= 0 || factor >= 1 ? 1 : factor;
}

bool can_run(const VectorProblem& p) { return p.dtype == DType::f32; }
bool can_clip(const ClipNormProblem&) { return true; }

size_t workspace_bytes(const VectorProblem& p, void*) {
  return size_t(Parts(p.n).count) * sizeof(double);
}

void sum_of_squares(const VectorProblem& p, const SumOfSquaresArgs& a, void*, void* workspace,
                    Queue queue) {
  const Parts parts(p.n);
  auto* sums = static_cast<double*>(workspace);
  const auto start = [&](auto width) {
    launch(squares_kernel<width>, parts.count, kThreads, kShared, queue, p.n, parts,
           static_cast<const float*>(a.x), sums);
  };
  if (aligned_for_vectors<float>(0, {}, {a.x}))
    start(std::integral_constant<int, kVec<float>>{});
  else
    start(std::integral_constant<int, 1>{});
  launch(add_parts_kernel, 1, kThreads, kShared, queue, parts.count, sums, a.sum);
}

void clip_norm(const ClipNormProblem& p, const ClipNormArgs& a, void*, void*, Queue queue) {
  launch(clip_norm_kernel, 1, kThreads, kShared, queue, p, a);
}

}  // namespace

std::span<const SumOfSquaresKernel> sum_of_squares_kernels() {
  static constexpr std::array rows{SumOfSquaresKernel{.name = "parts",
                                                      .can_run = can_run,
                                                      .workspace_bytes = workspace_bytes,
                                                      .run = sum_of_squares}};
  return rows;
}

std::span<const ClipNormKernel> clip_norm_kernels() {
  static constexpr std::array rows{
      ClipNormKernel{.name = "one_block", .can_run = can_clip, .run = clip_norm}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
