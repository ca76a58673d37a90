// A warp a row: lane i has columns i, i + 32, ...
#include <array>
#include <cmath>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/softmax/backward.h"
#include "kernels/softmax/softmax.h"

namespace sf {

SF_DEVICE_TABLE(SoftmaxKernel, softmax_kernels)
SF_DEVICE_TABLE(SoftmaxBackwardKernel, softmax_backward_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kWarps = 4;  // of a block

SF_DEVICE int64_t own_row() { return int64_t(blockIdx.x) * kWarps + int(threadIdx.x) / kWarpSize; }

// A maximum that leaves out a NaN is as good: the sum is NaN then.
template <class T>
__global__ void __launch_bounds__(kWarps* kWarpSize)
    softmax_kernel(SoftmaxProblem p, const T* x, T* y) {
  const int64_t row = own_row();
  if (row >= p.rows) return;  // the whole warp
  x += row * p.x_pitch;
  y += row * p.y_pitch;
  const int lane = lane_index();
  float largest = float(x[minimum(lane, p.cols - 1)]);
  for (int i = lane; i < p.cols; i += kWarpSize) largest = maximum(largest, float(x[i]));
  largest = warp_max(largest);
  float sum = 0;
  for (int i = lane; i < p.cols; i += kWarpSize) sum += std::exp(float(x[i]) - largest);
  sum = warp_sum(sum);
  for (int i = lane; i < p.cols; i += kWarpSize) y[i] = T(std::exp(float(x[i]) - largest) / sum);
}

template <class T>
__global__ void __launch_bounds__(kWarps* kWarpSize)
    softmax_backward_kernel(SoftmaxBackwardProblem p, const T* y, const T* dy, T* dx) {
  const int64_t row = own_row();
  if (row >= p.rows) return;  // the whole warp
  y += row * p.y_pitch;
  dy += row * p.dy_pitch;
  dx += row * p.dx_pitch;
  float sum = 0;
  for (int i = lane_index(); i < p.cols; i += kWarpSize) sum += float(y[i]) * float(dy[i]);
  sum = warp_sum(sum);
  for (int i = lane_index(); i < p.cols; i += kWarpSize)
    dx[i] = T(float(y[i]) * (float(dy[i]) - sum));
}

template <class Problem>
bool can_run(const Problem& p) {
  return is_storage(p.dtype);
}

void run(const SoftmaxProblem& p, const SoftmaxArgs& args, void*, void*, Queue queue) {
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    launch(softmax_kernel<T>, ceil_div(p.rows, kWarps), kWarps * kWarpSize, 0, queue, p,
           static_cast<const T*>(args.x), static_cast<T*>(args.y));
  });
}

void run_backward(const SoftmaxBackwardProblem& p, const SoftmaxBackwardArgs& args, void*, void*,
                  Queue queue) {
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    launch(softmax_backward_kernel<T>, ceil_div(p.rows, kWarps), kWarps * kWarpSize, 0, queue, p,
           static_cast<const T*>(args.y), static_cast<const T*>(args.dy), static_cast<T*>(args.dx));
  });
}

}  // namespace

std::span<const SoftmaxKernel> softmax_kernels() {
  static constexpr std::array rows{SoftmaxKernel{
      .name = "warp_rows", .exact = false, .can_run = can_run<SoftmaxProblem>, .run = run}};
  return rows;
}

std::span<const SoftmaxBackwardKernel> softmax_backward_kernels() {
  static constexpr std::array rows{SoftmaxBackwardKernel{
      .name = "warp_rows", .can_run = can_run<SoftmaxBackwardProblem>, .run = run_backward}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
