// Gradients by weight are sums over all output pixels. Where the weights alone are too few to fill
// a GPU, the pixels are shared out over parts of the grid; a second pass adds the parts' sums in
// a fixed order, so the bits do not depend on which part is done first.
#pragma once

#include <algorithm>

#include "kernels/base/device.h"
#include "kernels/base/kernel.h"
#include "kernels/conv3d/backward_weight.h"

namespace sf::SF_DEVICE_NS {

struct PixelParts {
  int64_t pixels = 1;  // of a part, but the last, which has what remains
  int count = 1;
};

constexpr int64_t kMostParts = 1024;

// About `wanted` parts of the output pixels, none empty, each a multiple of `step` pixels.
inline PixelParts pixel_parts(int64_t out_pixels, int64_t wanted, int step) {
  const int64_t steps = ceil_div(out_pixels, step);
  const int64_t count = std::clamp<int64_t>(wanted, 1, minimum(steps, kMostParts));
  const int64_t pixels = ceil_div(steps, count) * step;
  return {pixels, int(ceil_div(out_pixels, pixels))};
}

inline int64_t dw_values(const Conv3dProblem& p) {
  return int64_t{p.k} * p.kt * p.kh * p.kw * (p.c / p.groups);
}

// Where the parts put their sums: dw, then dbias of the first part, then of the second. A single
// part puts them where they are wanted.
struct PartialSums {
  float* dw;
  float* dbias;
  int64_t pitch;  // from part to part

  PartialSums(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args, const PixelParts& parts,
              void* workspace)
      : dw(static_cast<float*>(parts.count == 1 ? args.dw : workspace)),
        dbias(!p.bias            ? nullptr
              : parts.count == 1 ? static_cast<float*>(args.dbias)
                                 : dw + dw_values(p)),
        pitch(dw_values(p) + (p.bias ? p.k : 0)) {}
};

inline size_t workspace_of(const Conv3dProblem& p, const PixelParts& parts) {
  return parts.count == 1
             ? 0
             : size_t(parts.count) * size_t(dw_values(p) + (p.bias ? p.k : 0)) * sizeof(float);
}

// Launches of a gradient: that of the parts, add_pixels and add_parts.
inline int launches_of(const Conv3dProblem& p, const PixelParts& parts) {
  return 1 + int(p.bias) + int(parts.count > 1);
}

// dbias of every part: the sums of dy over its pixels.
void add_pixels(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args,
                const PixelParts& parts, const PartialSums& sums, Queue queue);

// Adds the sums of the parts in the workspace; nothing for a single part.
void add_parts(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args,
               const PixelParts& parts, const void* workspace, Queue queue);

}  // namespace sf::SF_DEVICE_NS
