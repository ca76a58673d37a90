// Sums of one value a thread over a block of kLossWarps warps, in one order. For kernels.
#pragma once

#include "kernels/base/device.h"

namespace sf::SF_DEVICE_NS {

constexpr int kLossWarps = 8;

// The sum of the values of all threads, in thread 0; `partial` has kLossWarps places in shared
// memory, which nothing reads before or after without a barrier.
SF_DEVICE double block_sum(double value, double* partial) {
  value = warp_sum(value);
  if (lane_index() == 0) partial[threadIdx.x / kWarpSize] = value;
  __syncthreads();
  double sum = 0;
  if (threadIdx.x == 0)
    for (int i = 0; i < kLossWarps; ++i) sum += partial[i];
  return sum;
}

}  // namespace sf::SF_DEVICE_NS
