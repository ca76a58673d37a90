// What lies in boxes, cut from feature maps at one size.
#pragma once

#include "autograd/graph.h"

namespace sf {

struct RoiAlignParams {
  int resolution = 7;        // bins of a box along H and W
  double spatial_scale = 1;  // of boxes to pixels of the features
  int samples = 0;           // of a bin along an axis; 0: as many as it has pixels, rounded up
  bool aligned = true;  // corners are half a pixel less; false: boxes are a pixel wide at least
};

// x: N 1 H W C; boxes: K 5, the index of the clip, x1, y1, x2, y2, of the arithmetic type of x.
// Gives K 1 resolution resolution C, each value an average of bilinear samples, as Detectron2's
// ROIAlign. K is a capacity: rows with a clip of -1 (with none of 0 .. N - 1, or with corners that
// no picture has) give zeros and take no gradient. The boxes have none.
Value roi_align(Value x, Value boxes, const RoiAlignParams& params);

// The largest bin of each box in the mean over time of x: N T H W C. Gives K 1 1 1 C: what
// avg_pool3d(), roi_align() and max_pool3d() give together, in one step. Has no gradient.
Value box_features(Value x, Value boxes, const RoiAlignParams& params);

}  // namespace sf
