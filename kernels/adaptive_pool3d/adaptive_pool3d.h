// Average over the bins that split an activation into given extents.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// x is N T H W C, y N out_t out_h out_w C; a pitch counts elements from one pixel to the next, >=
// c. Bin i of an axis covers floor(i in / out) up to, excluded, ceil((i + 1) in / out); bins may
// overlap.
struct AdaptivePool3dProblem {
  DType dtype = DType::f32;
  int n = 1, t = 1, h = 1, w = 1, c = 1;
  int out_t = 1, out_h = 1, out_w = 1;
  int64_t x_pitch = 1, y_pitch = 1;
};

// y overlaps nothing.
struct AdaptivePool3dArgs {
  const void* x = nullptr;
  void* y = nullptr;
};

using AdaptivePool3dKernel = Kernel<AdaptivePool3dProblem, AdaptivePool3dArgs>;

// Best first, the reference (every real type, everything) last.
std::span<const AdaptivePool3dKernel> adaptive_pool3d_kernels(Backend backend);

}  // namespace sf
