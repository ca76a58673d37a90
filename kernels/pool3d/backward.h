// The gradient of a pooling by its input.
#pragma once

#include <span>

#include "kernels/pool3d/pool3d.h"

namespace sf {

struct Pool3dBackwardProblem {
  Pool3dProblem forward;  // y_pitch is dy's; x_pitch counts for nothing in an average
  int64_t dx_pitch = 1;
};

// Average: every value that a window saw gets dy / divisor of it. Maximum: the one value that the
// window chose gets dy; it is found in x again: the first of equal ones in the order T, H, W, and
// the last NaN if there is one. dx is the sum over the windows in that order. dx overlaps nothing.
struct Pool3dBackwardArgs {
  const void* x = nullptr;  // null for an average
  const void* dy = nullptr;
  void* dx = nullptr;
};

using Pool3dBackwardKernel = Kernel<Pool3dBackwardProblem, Pool3dBackwardArgs>;

// Best first, the reference (every real type, everything) last. All agree bit for bit.
std::span<const Pool3dBackwardKernel> pool3d_backward_kernels(Backend backend);

}  // namespace sf
