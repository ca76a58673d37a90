// Sums in double precision, pairwise over the threads of a block and in two stages over blocks: the
// order depends on the sizes and on whether all arrays are aligned.
#include <array>

#include "kernels/base/array_chunks.h"
#include "kernels/base/channel_tiles.h"
#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/vector/clip.h"
#include "kernels/vector/vector.h"

namespace sf {

SF_DEVICE_TABLE(SumOfSquaresKernel, sum_of_squares_kernels)
SF_DEVICE_TABLE(ClipNormKernel, clip_norm_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = ArrayChunks::kThreads;
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

template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    squares_kernel(ArrayChunks chunks, ArrayList<const void> x, double* sums) {
  double sum = 0;
  for_array_vectors<kWidth>(chunks, [&](int array, int i, auto width) {
    const auto v = load<width>(static_cast<const float*>(x[array]) + i);
    double squares = 0;
#pragma unroll
    for (int k = 0; k < width; ++k) squares += double(v[k]) * double(v[k]);
    sum += squares;
  });
  sum = sum_of_block(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads)
    add_parts_kernel(int count, const double* sums, double* total) {
  const double sum = sum_of_block(sum_of_thread(count, [&](int i) { return sums[i]; }));
  if (threadIdx.x == 0) *total = sum;
}

__global__ void __launch_bounds__(kThreads) clip_norm_kernel(ClipNormProblem p, ClipNormArgs a) {
  const double sum = sum_of_block(sum_of_thread(int(p.sums), [&](int i) { return a.squares[i]; }));
  if (threadIdx.x == 0) sf::clip_norm(sum, p.max_norm, a);
}

bool can_run(const ArraysProblem& p) { return p.dtype == DType::f32; }
bool can_clip(const ClipNormProblem&) { return true; }

size_t workspace_bytes(const ArraysProblem& p, void*) {
  return size_t(ArrayChunks(p.sizes).blocks()) * sizeof(double);
}

void sum_of_squares(const ArraysProblem& p, const SumOfSquaresArgs& a, void*, void* workspace,
                    Queue queue) {
  const ArrayChunks chunks(p.sizes);
  auto* sums = static_cast<double*>(workspace);
  const auto start = [&](auto width) {
    launch(squares_kernel<width>, chunks.blocks(), kThreads, kShared, queue, chunks, a.x, sums);
  };
  with_array_vectors(p.sizes.count, start, a.x);
  launch(add_parts_kernel, 1, kThreads, kShared, queue, chunks.blocks(), sums, a.sum);
}

int sum_of_squares_launches(const ArraysProblem&) { return 2; }

void clip_norm(const ClipNormProblem& p, const ClipNormArgs& a, void*, void*, Queue queue) {
  launch(clip_norm_kernel, 1, kThreads, kShared, queue, p, a);
}

}  // namespace

std::span<const SumOfSquaresKernel> sum_of_squares_kernels() {
  static constexpr std::array rows{SumOfSquaresKernel{.name = "parts",
                                                      .can_run = can_run,
                                                      .workspace_bytes = workspace_bytes,
                                                      .run = sum_of_squares,
                                                      .launches = sum_of_squares_launches}};
  return rows;
}

std::span<const ClipNormKernel> clip_norm_kernels() {
  static constexpr std::array rows{
      ClipNormKernel{.name = "one_block", .can_run = can_clip, .run = clip_norm}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
