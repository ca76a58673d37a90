// What a detection head makes of its boxes where nothing is learnt: the mean over time, RoIAlign
// (He et al. 2017) and the largest of the bins, in one pass over the clips.
#pragma once

#include <span>

#include "kernels/roi_align/roi_align.h"

namespace sf {

// x is N T H W C, y boxes x C; boxes as RoIAlign has them, of which `roi` tells all but T.
struct BoxFeaturesProblem {
  RoiAlignProblem roi{};
  int t = 1;
};

// y overlaps nothing. A NaN among the bins of a box is its largest value. Zero where RoIAlign is.
struct BoxFeaturesArgs {
  const void* x = nullptr;
  const void* boxes = nullptr;
  void* y = nullptr;
};

using BoxFeaturesKernel = Kernel<BoxFeaturesProblem, BoxFeaturesArgs>;

// Best first, the reference (every real type, everything) last. Means and bins are rounded to the
// arithmetic type alone. Pixels of weight zero may or may not be read.
std::span<const BoxFeaturesKernel> box_features_kernels(Backend backend);

}  // namespace sf
