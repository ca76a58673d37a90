// The gradient of an adaptive average pooling by its input.
#pragma once

#include <span>

#include "kernels/adaptive_pool3d/adaptive_pool3d.h"

namespace sf {

// dx = sum over the bins that cover the pixel, in the order T, H, W, of dy / pixels of the bin. The
// problem is that of the forward pooling; x_pitch is dx's, y_pitch dy's. dx overlaps nothing.
struct AdaptivePool3dBackwardArgs {
  const void* dy = nullptr;
  void* dx = nullptr;
};

using AdaptivePool3dBackwardKernel = Kernel<AdaptivePool3dProblem, AdaptivePool3dBackwardArgs>;

// Best first, the reference (every real type, everything) last. All agree bit for bit.
std::span<const AdaptivePool3dBackwardKernel> adaptive_pool3d_backward_kernels(Backend backend);

}  // namespace sf
