// A block an output of the convolution; a thread an output of the bias.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/batch_norm/affine.h"
#include "kernels/batch_norm/batch_norm.h"

namespace sf {

SF_DEVICE_TABLE(FoldScaleKernel, fold_scale_kernels)
SF_DEVICE_TABLE(FoldBiasKernel, fold_bias_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = 128;

__global__ void __launch_bounds__(kThreads) fold_scale_kernel(FoldProblem p, FoldScaleArgs a) {
  const int64_t k = blockIdx.x;
  const double scale = norm_scale<float>(a.gamma, a.variance, p.epsilon, k);
  const float* w = static_cast<const float*>(a.w) + k * p.per_output;
  float* y = static_cast<float*>(a.y) + k * p.per_output;
  for (int64_t i = threadIdx.x; i < p.per_output; i += kThreads) y[i] = float(double(w[i]) * scale);
}

__global__ void __launch_bounds__(kThreads) fold_bias_kernel(FoldProblem p, FoldBiasArgs a) {
  const int k = int(blockIdx.x) * kThreads + int(threadIdx.x);
  if (k >= p.k) return;
  const auto at = [&](const void* values) { return double(static_cast<const float*>(values)[k]); };
  const double bias = a.bias ? at(a.bias) : 0;
  const double scale = norm_scale<float>(a.gamma, a.variance, p.epsilon, k);
  static_cast<float*>(a.y)[k] = float(at(a.beta) + (bias - at(a.mean)) * scale);
}

bool can_run(const FoldProblem& p) { return p.dtype == DType::f32; }

void run_scale(const FoldProblem& p, const FoldScaleArgs& a, void*, void*, Queue queue) {
  launch(fold_scale_kernel, p.k, kThreads, 0, queue, p, a);
}

void run_bias(const FoldProblem& p, const FoldBiasArgs& a, void*, void*, Queue queue) {
  launch(fold_bias_kernel, ceil_div(p.k, kThreads), kThreads, 0, queue, p, a);
}

}  // namespace

std::span<const FoldScaleKernel> fold_scale_kernels() {
  static constexpr std::array rows{
      FoldScaleKernel{.name = "block_an_output", .can_run = can_run, .run = run_scale}};
  return rows;
}

std::span<const FoldBiasKernel> fold_bias_kernels() {
  static constexpr std::array rows{
      FoldBiasKernel{.name = "thread_an_output", .can_run = can_run, .run = run_bias}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
