// What comes of the sums for each channel, a thread each.
#include <array>
#include <cmath>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/batch_norm/training.h"

namespace sf {

SF_DEVICE_TABLE(BatchNormMomentsKernel, batch_norm_moments_kernels)
SF_DEVICE_TABLE(BatchNormBackwardParametersKernel, batch_norm_backward_parameters_kernels)

namespace SF_DEVICE_NS {
namespace {

using Problem = BatchNormTrainingProblem;
constexpr int kThreads = 64;

__global__ void __launch_bounds__(kThreads) moments_kernel(Problem p, BatchNormMomentsArgs a) {
  const int i = int(blockIdx.x) * kThreads + int(threadIdx.x), values = p.splits * p.c;
  if (i >= values) return;
  float& running_mean = static_cast<float*>(a.running_mean)[i];
  float& running_variance = static_cast<float*>(a.running_variance)[i];
  double mean = double(running_mean), variance = double(running_variance);
  if (a.sums) {
    const double count = *a.count;
    const auto update = [&](float& running, double batch) {
      running = float((1 - p.momentum) * double(running) + p.momentum * batch);
    };
    mean = a.sums[i] / count;
    const double difference = a.sums[values + i] / count - mean * mean;
    variance = difference < 0 ? 0 : difference;  // NaN stays NaN
    update(running_mean, mean);
    update(running_variance, p.bessel ? variance * (count / (count - 1)) : variance);
  }
  a.mean[i] = mean;
  a.inverse_std[i] = 1 / std::sqrt(variance + p.epsilon);
}

__global__ void __launch_bounds__(kThreads)
    parameters_kernel(Problem p, BatchNormBackwardParametersArgs a) {
  const int c = int(blockIdx.x) * kThreads + int(threadIdx.x), values = p.splits * p.c;
  if (c >= p.c) return;
  double dgamma = 0, dbeta = 0;
  for (int i = c; i < values; i += p.c) {
    dbeta += a.sums[i];
    dgamma += a.sums[values + i] * a.inverse_std[i];
  }
  static_cast<float*>(a.dgamma)[c] = float(dgamma * p.share);
  static_cast<float*>(a.dbeta)[c] = float(dbeta * p.share);
}

bool can_run(const Problem& p) { return is_storage(p.dtype); }

void run_moments(const Problem& p, const BatchNormMomentsArgs& a, void*, void*, Queue queue) {
  launch(moments_kernel, ceil_div(p.splits * p.c, kThreads), kThreads, 0, queue, p, a);
}

void run_parameters(const Problem& p, const BatchNormBackwardParametersArgs& a, void*, void*,
                    Queue queue) {
  launch(parameters_kernel, ceil_div(p.c, kThreads), kThreads, 0, queue, p, a);
}

}  // namespace

std::span<const BatchNormMomentsKernel> batch_norm_moments_kernels() {
  static constexpr std::array rows{
      BatchNormMomentsKernel{.name = "thread_a_channel", .can_run = can_run, .run = run_moments}};
  return rows;
}

std::span<const BatchNormBackwardParametersKernel> batch_norm_backward_parameters_kernels() {
  static constexpr std::array rows{BatchNormBackwardParametersKernel{
      .name = "thread_a_channel", .can_run = can_run, .run = run_parameters}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
