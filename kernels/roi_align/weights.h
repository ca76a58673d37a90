// The operation as two small matrices a box, for host and device. A sample is a product of a
// vertical and a horizontal hat, so a bin's average is
//   y[i, j] = sum over rows and columns of V[i, row] H[j, column] x[row, column],
// where V and H are means over the samples of a bin along one axis.
#pragma once

#include "kernels/roi_align/roi.h"

namespace sf {

// The positions that a bin takes something of, last excluded.
struct RoiRange {
  int first, last;
};

// Views of a workspace: a row for each bin of both axes of each box, in the order box, axis, bin.
class RoiWeights {
 public:
  SF_HOST_DEVICE RoiWeights(const RoiAlignProblem& p, void* workspace)
      : bins_(p.bins),
        size_(longest(p)),
        pictures_(static_cast<int*>(workspace)),
        ranges_(reinterpret_cast<RoiRange*>(pictures_ + (p.boxes + 1) / 2 * 2)),
        weights_(reinterpret_cast<float*>(ranges_ + rows(p))) {}

  static size_t bytes(const RoiAlignProblem& p) {
    return sizeof(int) * size_t((p.boxes + 1) / 2 * 2) +
           size_t(rows(p)) * (sizeof(RoiRange) + sizeof(float) * size_t(longest(p)));
  }
  SF_HOST_DEVICE static int64_t rows(const RoiAlignProblem& p) {
    return int64_t{p.boxes} * 2 * p.bins;
  }

  // Of a box, or -1.
  SF_HOST_DEVICE int picture(int box) const { return pictures_[box]; }
  SF_HOST_DEVICE RoiRange range(int box, RoiAxis axis, int bin) const {
    return ranges_[row(box, axis, bin)];
  }
  // By position; only those of the range are set.
  SF_HOST_DEVICE const float* weights(int box, RoiAxis axis, int bin) const {
    return weights_ + row(box, axis, bin) * size_;
  }

  // Computes one row, and its box's picture where it is the box's first.
  SF_HOST_DEVICE void fill(const RoiAlignProblem& p, const float* boxes, int64_t row) const {
    const int k = int(row / bins_ / 2), bin = int(row % bins_);
    const auto axis = RoiAxis(row / bins_ % 2);
    const float* box = boxes + int64_t{k} * kRoiValues;
    const int picture = roi_picture(p, box);
    if (axis == RoiAxis::y && bin == 0) pictures_[k] = picture;
    RoiRange& range = ranges_[row];
    range = {0, 0};
    if (picture < 0) return;

    const int size = axis == RoiAxis::x ? p.w : p.h;
    const RoiSpan<float> span = roi_span(p, box, axis);
    for (int i = 0; i < span.samples; ++i) {
      const auto s = roi_sample(size, span.at(bin, i));
      if (!s.inside) continue;
      if (range.last == 0) range.first = s.near;
      range.first = s.near < range.first ? s.near : range.first;
      range.last = s.far < range.last ? range.last : s.far + 1;
    }
    float* to = weights_ + row * size_;
    for (int i = range.first; i < range.last; ++i) to[i] = 0;
    for (int i = 0; i < span.samples; ++i) {
      const auto s = roi_sample(size, span.at(bin, i));
      if (!s.inside) continue;
      to[s.near] += s.near_weight;
      to[s.far] += s.far_weight;
    }
    for (int i = range.first; i < range.last; ++i) to[i] /= float(span.samples);
  }

 private:
  SF_HOST_DEVICE static int longest(const RoiAlignProblem& p) { return p.h > p.w ? p.h : p.w; }
  SF_HOST_DEVICE int64_t row(int box, RoiAxis axis, int bin) const {
    return (int64_t{box} * 2 + int(axis)) * bins_ + bin;
  }

  int bins_, size_;
  int* pictures_;
  RoiRange* ranges_;
  float* weights_;
};

// f(index, weight) for the pixels that bin i, j of a box takes something of, in the order y, x.
template <class F>
SF_HOST_DEVICE void for_pixels_of_bin(const RoiAlignProblem& p, const RoiWeights& weights, int box,
                                      int i, int j, const F& f) {
  const RoiRange rows = weights.range(box, RoiAxis::y, i),
                 columns = weights.range(box, RoiAxis::x, j);
  const float* vertical = weights.weights(box, RoiAxis::y, i);
  const float* horizontal = weights.weights(box, RoiAxis::x, j);
  for (int row = rows.first; row < rows.last; ++row) {
    const int64_t first = (int64_t{weights.picture(box)} * p.h + row) * p.w;
    for (int column = columns.first; column < columns.last; ++column)
      f(first + column, rounded_product(vertical[row], horizontal[column]));
  }
}

// f(index, weight) for the bins that take something of a pixel, in the order box, i, j.
template <class F>
SF_HOST_DEVICE void for_bins_of_pixel(const RoiAlignProblem& p, const RoiWeights& weights,
                                      int64_t pixel, const F& f) {
  const int picture = int(pixel / p.w / p.h), row = int(pixel / p.w % p.h),
            column = int(pixel % p.w);
  for (int box = 0; box < p.boxes; ++box) {
    if (weights.picture(box) != picture) continue;
    for (int i = 0; i < p.bins; ++i) {
      const RoiRange rows = weights.range(box, RoiAxis::y, i);
      if (row < rows.first || row >= rows.last) continue;
      const float vertical = weights.weights(box, RoiAxis::y, i)[row];
      for (int j = 0; j < p.bins; ++j) {
        const RoiRange columns = weights.range(box, RoiAxis::x, j);
        if (column < columns.first || column >= columns.last) continue;
        f((int64_t{box} * p.bins + i) * p.bins + j,
          rounded_product(vertical, weights.weights(box, RoiAxis::x, j)[column]));
      }
    }
  }
}

}  // namespace sf
