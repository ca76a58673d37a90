// The gradient of RoIAlign by its input. Boxes have none.
#pragma once

#include <span>

#include "kernels/roi_align/roi_align.h"

namespace sf {

// dx = sum over the bins that sampled the pixel, in the order box, y, x, of weight times dy; zero
// where there are none. The problem is that of the forward operation; x_pitch is dx's, y_pitch
// dy's. dx overlaps nothing. The same bits in every run, whatever the number of threads.
struct RoiAlignBackwardArgs {
  const void* dy = nullptr;
  const void* boxes = nullptr;
  void* dx = nullptr;
};

using RoiAlignBackwardKernel = Kernel<RoiAlignProblem, RoiAlignBackwardArgs>;

// Best first, the reference (every real type, everything) last.
std::span<const RoiAlignBackwardKernel> roi_align_backward_kernels(Backend backend);

}  // namespace sf
