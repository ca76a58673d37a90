// A vector a thread at a time, of many arrays; a limited number of blocks walks them, so that what
// all steps share is computed once a block.
#include <algorithm>
#include <array>

#include "kernels/base/array_chunks.h"
#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/optimizer/constants.h"
#include "kernels/optimizer/optimizer.h"

namespace sf {

SF_DEVICE_TABLE(SgdKernel, sgd_kernels)
SF_DEVICE_TABLE(AdamKernel, adam_kernels)
SF_DEVICE_TABLE(LarsKernel, lars_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = ArrayChunks::kThreads;
constexpr int64_t kBlocks = ArrayChunks::kMostBlocks;  // of one array

int64_t blocks_of(int64_t n) { return std::min(ceil_div(n, int64_t{kThreads}), kBlocks); }

// Calls f(i) for the thread's share of n values.
template <class F>
SF_DEVICE void for_share(int64_t n, const F& f) {
  const int64_t step = int64_t(gridDim.x) * kThreads;
  for (int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x; i < n; i += step) f(i);
}

// What make() gives, computed by the block's first thread.
template <class Constants, class Make>
SF_DEVICE Constants of_block(const Make& make) {
  auto* shared = dynamic_shared<Constants>();
  if (threadIdx.x == 0) *shared = make();
  __syncthreads();
  return *shared;
}

template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    sgd_kernel(SgdRule rule, ArrayChunks chunks, SgdArgs a) {
  const auto k = of_block<SgdConstants<float>>([&] { return SgdConstants<float>(rule, a.step); });
  for_array_vectors<kWidth>(chunks, [&](int array, int i, auto width) {
    const auto* from = static_cast<const float*>(a.g[array]) + i;
    auto *to = static_cast<float*>(a.p[array]) + i, *buffer = static_cast<float*>(a.buffer[array]);
    const auto g = load<width>(from);
    auto p = load<width>(to);
    Vec<float, width> moved = {};
    if (buffer && !k.starts) moved = load<width>(buffer + i);
#pragma unroll
    for (int j = 0; j < width; ++j) k.step(g[j], p[j], buffer ? &moved[j] : nullptr);
    store(to, p);
    if (buffer) store(buffer + i, moved);
  });
}

template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    adam_kernel(AdamRule rule, ArrayChunks chunks, AdamArgs a) {
  const auto k = of_block<AdamConstants<float>>([&] { return AdamConstants<float>(rule, a.step); });
  for_array_vectors<kWidth>(chunks, [&](int array, int i, auto width) {
    const auto* from = static_cast<const float*>(a.g[array]) + i;
    auto *to = static_cast<float*>(a.p[array]) + i,
         *to_mean = static_cast<float*>(a.mean[array]) + i,
         *to_square = static_cast<float*>(a.square[array]) + i;
    const auto g = load<width>(from);
    auto p = load<width>(to), mean = load<width>(to_mean), square = load<width>(to_square);
#pragma unroll
    for (int j = 0; j < width; ++j) k.step(g[j], p[j], mean[j], square[j]);
    store(to, p);
    store(to_mean, mean);
    store(to_square, square);
  });
}

__global__ void __launch_bounds__(kThreads)
    lars_kernel(LarsProblem problem, const double* p_squares, const double* g_squares,
                const float* p, const float* g, float* y) {
  const auto k = of_block<LarsConstants<float>>(
      [&] { return LarsConstants<float>(problem, *p_squares, *g_squares); });
  for_share(problem.n, [&](int64_t i) { y[i] = k.gradient(g[i], p[i]); });
}

template <class Problem>
bool can_run(const Problem& p) {
  return p.dtype == DType::f32;
}

// What CUDA takes in a launch.
static_assert(sizeof(AdamRule) + sizeof(ArrayChunks) + sizeof(AdamArgs) <= 4096);

void run_sgd(const SgdProblem& p, const SgdArgs& a, void*, void*, Queue queue) {
  const ArrayChunks chunks(p.sizes);
  const auto start = [&](auto width) {
    launch(sgd_kernel<width>, chunks.blocks(), kThreads, sizeof(SgdConstants<float>), queue, p.rule,
           chunks, a);
  };
  with_array_vectors(p.sizes.count, start, a.g, a.p, a.buffer);
}

void run_adam(const AdamProblem& p, const AdamArgs& a, void*, void*, Queue queue) {
  const ArrayChunks chunks(p.sizes);
  const auto start = [&](auto width) {
    launch(adam_kernel<width>, chunks.blocks(), kThreads, sizeof(AdamConstants<float>), queue,
           p.rule, chunks, a);
  };
  with_array_vectors(p.sizes.count, start, a.g, a.p, a.mean, a.square);
}

void run_lars(const LarsProblem& p, const LarsArgs& a, void*, void*, Queue queue) {
  launch(lars_kernel, blocks_of(p.n), kThreads, sizeof(LarsConstants<float>), queue, p, a.p_squares,
         a.g_squares, static_cast<const float*>(a.p), static_cast<const float*>(a.g),
         static_cast<float*>(a.y));
}

}  // namespace

std::span<const SgdKernel> sgd_kernels() {
  static constexpr std::array rows{
      SgdKernel{.name = "values", .can_run = can_run<SgdProblem>, .run = run_sgd}};
  return rows;
}

std::span<const AdamKernel> adam_kernels() {
  static constexpr std::array rows{
      AdamKernel{.name = "values", .can_run = can_run<AdamProblem>, .run = run_adam}};
  return rows;
}

std::span<const LarsKernel> lars_kernels() {
  static constexpr std::array rows{
      LarsKernel{.name = "values", .can_run = can_run<LarsProblem>, .run = run_lars}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
