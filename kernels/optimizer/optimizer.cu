// One value a thread at a time; a fixed number of blocks walks the array, so that what all steps
// share is computed once a block.
#include <algorithm>
#include <array>

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

constexpr int kThreads = 256;
constexpr int64_t kBlocks = 1024;  // at most

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

__global__ void __launch_bounds__(kThreads)
    sgd_kernel(SgdProblem problem, StepArgs step, const float* g, float* p, float* buffer) {
  const auto k = of_block<SgdConstants<float>>([&] { return SgdConstants<float>(problem, step); });
  for_share(problem.n, [&](int64_t i) {
    k.step(g[i], p[i], buffer ? buffer + i : nullptr, problem.nesterov);
  });
}

__global__ void __launch_bounds__(kThreads)
    adam_kernel(AdamProblem problem, StepArgs step, const float* g, float* p, float* mean,
                float* square) {
  const auto k =
      of_block<AdamConstants<float>>([&] { return AdamConstants<float>(problem, step); });
  for_share(problem.n, [&](int64_t i) { k.step(g[i], p[i], mean[i], square[i]); });
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

void run_sgd(const SgdProblem& p, const SgdArgs& a, void*, void*, Queue queue) {
  launch(sgd_kernel, blocks_of(p.n), kThreads, sizeof(SgdConstants<float>), queue, p, a.step,
         static_cast<const float*>(a.g), static_cast<float*>(a.p), static_cast<float*>(a.buffer));
}

void run_adam(const AdamProblem& p, const AdamArgs& a, void*, void*, Queue queue) {
  launch(adam_kernel, blocks_of(p.n), kThreads, sizeof(AdamConstants<float>), queue, p, a.step,
         static_cast<const float*>(a.g), static_cast<float*>(a.p), static_cast<float*>(a.mean),
         static_cast<float*>(a.square));
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
