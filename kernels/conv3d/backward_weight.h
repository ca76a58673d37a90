// The gradients of a convolution by its weights and its bias.
#pragma once

#include <span>

#include "kernels/conv3d/conv3d.h"

namespace sf {

// dw[k, i, j, l, c] = sum over the output pixels of dy[k] x at the window's position i j l;
// dbias[k] = sum of dy[k], wanted where the problem has a bias. The problem is that of the forward
// convolution; residual and activation count for nothing. Both are dense, laid out as the forward
// weights and bias, and overlap nothing. Both have arithmetic_of(dtype): a sum over all pixels in
// float32 need not be rounded to a half type on its way to float32 master weights.
struct Conv3dBackwardWeightArgs {
  const void* x = nullptr;
  const void* dy = nullptr;
  void* dw = nullptr;
  void* dbias = nullptr;  // null without bias
};

using Conv3dBackwardWeightKernel = Kernel<Conv3dProblem, Conv3dBackwardWeightArgs>;

// Best first, the reference (every real type, everything) last. A prepared state serves one thread
// at a time.
std::span<const Conv3dBackwardWeightKernel> conv3d_backward_weight_kernels(Backend backend);

// The implementation that oneDNN would choose; empty if it has none. Never throws.
std::string onednn_conv3d_backward_weight_implementation(const Conv3dProblem& p);

}  // namespace sf
