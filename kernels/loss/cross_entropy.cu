// A warp a row, in double precision: there are few rows. The loss is one block's.
#include <array>
#include <cmath>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/loss/block_sum.h"
#include "kernels/loss/shares.h"

namespace sf {

SF_DEVICE_TABLE(CrossEntropyKernel, cross_entropy_kernels)
SF_DEVICE_TABLE(CrossEntropyBackwardKernel, cross_entropy_backward_kernels)

namespace SF_DEVICE_NS {
namespace {

using Problem = CrossEntropyProblem;
constexpr int kThreads = kLossWarps * kWarpSize;

// log softmax of a row is x - shift of it. A maximum that leaves out a NaN is as good: the sum is
// NaN then.
SF_DEVICE double log_sum_exp(const float* x, int classes) {
  double largest = double(x[0]);
  for (int c = lane_index(); c < classes; c += kWarpSize) largest = maximum(largest, double(x[c]));
  largest = warp_max(largest);
  double sum = 0;
  for (int c = lane_index(); c < classes; c += kWarpSize) sum += std::exp(double(x[c]) - largest);
  return largest + std::log(warp_sum(sum));
}

__global__ void __launch_bounds__(kThreads) loss_kernel(Problem p, CrossEntropyArgs a) {
  double sum = 0, count = 0;
  for (int64_t row = threadIdx.x / kWarpSize; row < p.rows; row += kLossWarps) {
    const Shares<float, CrossEntropyArgs> shares(p, a, row);
    if (shares.ignored()) continue;
    const float* x = static_cast<const float*>(a.x) + row * p.x_pitch;
    const double shift = log_sum_exp(x, p.classes);
    for (int c = lane_index(); c < p.classes; c += kWarpSize)
      sum += shares.loss(c, double(x[c]), shift);
    if (lane_index() == 0) count += shares.count();
  }
  auto* partial = dynamic_shared<double>();
  sum = block_sum(sum, partial);
  count = block_sum(count, partial + kLossWarps);
  if (threadIdx.x == 0) *static_cast<float*>(a.loss) = float(sum / count);
}

__global__ void __launch_bounds__(kThreads) gradient_kernel(Problem p, CrossEntropyBackwardArgs a) {
  using RowShares = Shares<float, CrossEntropyBackwardArgs>;
  const int64_t row = int64_t(blockIdx.x) * kLossWarps + threadIdx.x / kWarpSize;
  if (row >= p.rows) return;  // the whole warp
  double count = 0;
  for (int64_t r = lane_index(); r < p.rows; r += kWarpSize) count += RowShares(p, a, r).count();
  const double scale = double(*static_cast<const float*>(a.dloss)) / warp_sum(count);

  const RowShares shares(p, a, row);
  const float* x = static_cast<const float*>(a.x) + row * p.x_pitch;
  float* dx = static_cast<float*>(a.dx) + row * p.dx_pitch;
  const double shift = log_sum_exp(x, p.classes);
  double total = 0;
  for (int c = lane_index(); c < p.classes; c += kWarpSize) total += shares[c];
  total = warp_sum(total);
  for (int c = lane_index(); c < p.classes; c += kWarpSize) {
    const double gradient = total * std::exp(double(x[c]) - shift) - shares[c];
    dx[c] = shares.ignored() ? 0 : float(scale * gradient);
  }
}

bool can_run(const Problem& p) { return p.dtype == DType::f32; }

void run(const Problem& p, const CrossEntropyArgs& a, void*, void*, Queue queue) {
  launch(loss_kernel, 1, kThreads, 2 * kLossWarps * sizeof(double), queue, p, a);
}

void run_backward(const Problem& p, const CrossEntropyBackwardArgs& a, void*, void*, Queue queue) {
  launch(gradient_kernel, ceil_div(p.rows, int64_t{kLossWarps}), kThreads, 0, queue, p, a);
}

}  // namespace

std::span<const CrossEntropyKernel> cross_entropy_kernels() {
  static constexpr std::array rows{
      CrossEntropyKernel{.name = "warp_rows", .exact = false, .can_run = can_run, .run = run}};
  return rows;
}

std::span<const CrossEntropyBackwardKernel> cross_entropy_backward_kernels() {
  static constexpr std::array rows{CrossEntropyBackwardKernel{
      .name = "warp_rows", .exact = false, .can_run = can_run, .run = run_backward}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
