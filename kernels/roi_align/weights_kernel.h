// Fills RoiWeights on a device: a thread a bin of an axis. For the .cu files of this folder.
#pragma once

#include "kernels/base/launch.h"
#include "kernels/roi_align/weights.h"

namespace sf::SF_DEVICE_NS {
namespace {

constexpr int kWeightThreads = 32;  // there are few bins, and they wait for divisions

__global__ void __launch_bounds__(kWeightThreads)
    weights_kernel(RoiAlignProblem p, const float* boxes, void* workspace) {
  const int64_t row = int64_t{blockIdx.x} * kWeightThreads + threadIdx.x;
  if (row < RoiWeights::rows(p)) RoiWeights(p, workspace).fill(p, boxes, row);
}

void fill_weights(const RoiAlignProblem& p, const void* boxes, void* workspace, Queue queue) {
  launch(weights_kernel, ceil_div(RoiWeights::rows(p), kWeightThreads), kWeightThreads, 0, queue, p,
         static_cast<const float*>(boxes), workspace);
}

}  // namespace
}  // namespace sf::SF_DEVICE_NS
