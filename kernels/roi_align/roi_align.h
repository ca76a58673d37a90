// Averages of bilinear samples over the bins of boxes: RoIAlign (He et al. 2017).
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// x is N H W C, y boxes bins bins C; a pitch counts elements from one pixel to the next, >= c. The
// boxes lie dense: picture, x1, y1, x2, y2, the corners in units of 1 / spatial_scale pixels of x,
// in the arithmetic type of dtype.
struct RoiAlignProblem {
  DType dtype = DType::f32;
  int n = 1, h = 1, w = 1, c = 1;
  int boxes = 1, bins = 1;
  int samples = 0;  // of a bin along an axis; 0: as many as a bin has pixels, rounded up
  double spatial_scale = 1;
  bool aligned = true;  // corners are half a pixel less; false: boxes are a pixel wide at least
  int64_t x_pitch = 1, y_pitch = 1;
};

// y overlaps nothing. It is zero for boxes whose picture is none of 0 .. n - 1, which fill up a
// capacity, and for those with a corner further than kFarthestCorner (roi.h) from the first pixel.
struct RoiAlignArgs {
  const void* x = nullptr;
  const void* boxes = nullptr;
  void* y = nullptr;
};

using RoiAlignKernel = Kernel<RoiAlignProblem, RoiAlignArgs>;

// Best first, the reference (every real type, everything) last. Pixels of weight zero may or may
// not be read.
std::span<const RoiAlignKernel> roi_align_kernels(Backend backend);

}  // namespace sf
