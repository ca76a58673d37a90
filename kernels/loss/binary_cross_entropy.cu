// In double precision. The loss is one block's, the gradient has a thread a value.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/loss/binary_terms.h"
#include "kernels/loss/block_sum.h"

namespace sf {

SF_DEVICE_TABLE(BinaryCrossEntropyKernel, binary_cross_entropy_kernels)
SF_DEVICE_TABLE(BinaryCrossEntropyBackwardKernel, binary_cross_entropy_backward_kernels)

namespace SF_DEVICE_NS {
namespace {

using Problem = BinaryCrossEntropyProblem;
constexpr int kThreads = kLossWarps * kWarpSize;

// Probability or logit, and target, of value `at` counted row by row.
template <class Args>
SF_DEVICE void read(const Problem& p, const Args& a, int64_t at, double& x, double& t) {
  const int64_t row = at / p.cols, c = at % p.cols;
  x = double(static_cast<const float*>(a.x)[row * p.x_pitch + c]);
  t = double(static_cast<const float*>(a.targets)[row * p.targets_pitch + c]);
}

__global__ void __launch_bounds__(kThreads) loss_kernel(Problem p, BinaryCrossEntropyArgs a) {
  const int64_t values = rows_used(p, a) * p.cols;
  double sum = 0;
  for (int64_t at = threadIdx.x; at < values; at += kThreads) {
    double x, t;
    read(p, a, at, x, t);
    sum += p.logits ? loss_of_logit(x, t) : loss_of_probability(x, t);
  }
  sum = block_sum(sum, dynamic_shared<double>());
  if (threadIdx.x == 0) *static_cast<float*>(a.loss) = float(sum / double(values));
}

__global__ void __launch_bounds__(kThreads)
    gradient_kernel(Problem p, BinaryCrossEntropyBackwardArgs a) {
  const int64_t at = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (at >= p.rows * p.cols) return;
  const int64_t values = rows_used(p, a) * p.cols;
  float* dx = static_cast<float*>(a.dx) + at / p.cols * p.dx_pitch + at % p.cols;
  if (at >= values) {
    *dx = 0;
    return;
  }
  const double scale = double(*static_cast<const float*>(a.dloss)) / double(values);
  double x, t;
  read(p, a, at, x, t);
  *dx = float(scale * (p.logits ? gradient_of_logit(x, t) : gradient_of_probability(x, t)));
}

bool can_run(const Problem& p) { return p.dtype == DType::f32; }

void run(const Problem& p, const BinaryCrossEntropyArgs& a, void*, void*, Queue queue) {
  launch(loss_kernel, 1, kThreads, kLossWarps * sizeof(double), queue, p, a);
}

void run_backward(const Problem& p, const BinaryCrossEntropyBackwardArgs& a, void*, void*,
                  Queue queue) {
  launch(gradient_kernel, ceil_div(p.rows * p.cols, int64_t{kThreads}), kThreads, 0, queue, p, a);
}

}  // namespace

std::span<const BinaryCrossEntropyKernel> binary_cross_entropy_kernels() {
  static constexpr std::array rows{
      BinaryCrossEntropyKernel{.name = "block", .exact = false, .can_run = can_run, .run = run}};
  return rows;
}

std::span<const BinaryCrossEntropyBackwardKernel> binary_cross_entropy_backward_kernels() {
  static constexpr std::array rows{BinaryCrossEntropyBackwardKernel{
      .name = "values", .exact = false, .can_run = can_run, .run = run_backward}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
