// Where a box is sampled, for host and device: the same bits on both.
#pragma once

#include <cmath>

#include "kernels/base/rounded.h"
#include "kernels/roi_align/roi_align.h"

namespace sf {

constexpr int kRoiValues = 5;             // of a box: picture, x1, y1, x2, y2
constexpr int kFarthestCorner = 1 << 20;  // pixels of x; a box beyond is as good as none
enum class RoiAxis : uint8_t { y, x };

// The picture of a box, or -1 for one that counts for nothing. NaNs are in no range.
template <class Real>
SF_HOST_DEVICE int roi_picture(const RoiAlignProblem& p, const Real* box) {
  if (!(box[0] >= 0 && box[0] < Real(p.n))) return -1;
  const Real farthest = Real(kFarthestCorner) / Real(p.spatial_scale);
  for (int i = 1; i < kRoiValues; ++i)
    if (!(box[i] >= -farthest && box[i] <= farthest)) return -1;
  return int(box[0]);
}

// Along one axis, in pixels of x.
template <class Real>
struct RoiSpan {
  Real start, bin;  // bin: the size of one, negative for reversed boxes
  int samples;      // of a bin; none where it has no size

  // The position of a sample of a bin.
  SF_HOST_DEVICE Real at(int i, int sample) const {
    return start + rounded_product(Real(i), bin) +
           rounded_product(Real(sample) + Real(0.5), bin) / Real(samples);
  }
};

template <class Real>
SF_HOST_DEVICE RoiSpan<Real> roi_span(const RoiAlignProblem& p, const Real* box, RoiAxis axis) {
  const int first = axis == RoiAxis::x ? 1 : 2;
  const Real scale = Real(p.spatial_scale), offset = p.aligned ? Real(0.5) : Real(0);
  const Real start = rounded_product(box[first], scale) - offset,
             end = rounded_product(box[first + 2], scale) - offset;
  Real size = end - start;
  if (!p.aligned && !(size >= 1)) size = 1;
  const Real bin = size / Real(p.bins);
  return {start, bin, p.samples > 0 ? p.samples : int(std::ceil(bin))};
}

// Two neighbours of a sample and their weights; none outside of the picture.
template <class Real>
struct RoiSample {
  int near = 0, far = 0;
  Real near_weight = 0, far_weight = 0;
  bool inside = false;
};

// Up to a pixel outside of `size` pixels the border's value counts.
template <class Real>
SF_HOST_DEVICE RoiSample<Real> roi_sample(int size, Real at) {
  if (!(at >= -1 && at <= Real(size))) return {};
  if (at < 0) at = 0;
  const int near = int(at);
  if (near >= size - 1) return {size - 1, size - 1, 1, 0, true};
  const Real rest = at - Real(near);
  return {near, near + 1, 1 - rest, rest, true};
}

}  // namespace sf
