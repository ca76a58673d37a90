// The gradient of a convolution by its input.
#pragma once

#include <span>

#include "kernels/conv3d/conv3d.h"

namespace sf {

// dx[i] = sum over the outputs that x[i] leads to of dy w: the transpose of y = conv(x, w). The
// problem is that of the forward convolution; x_pitch is dx's, y_pitch dy's; bias, residual and
// activation count for nothing. w is what pack() made where the kernel packs. dx overlaps nothing.
struct Conv3dBackwardDataArgs {
  const void* dy = nullptr;
  const void* w = nullptr;
  void* dx = nullptr;
};

using Conv3dBackwardDataKernel = Kernel<Conv3dProblem, Conv3dBackwardDataArgs>;

// Best first, the reference (every real type, everything) last. A prepared state serves one thread
// at a time.
std::span<const Conv3dBackwardDataKernel> conv3d_backward_data_kernels(Backend backend);

// The implementation that oneDNN would choose; empty if it has none. Never throws.
std::string onednn_conv3d_backward_data_implementation(const Conv3dProblem& p);

}  // namespace sf
