// The part of the input that a bin covers.
#pragma once

#include <cstdint>

#include "kernels/adaptive_pool3d/adaptive_pool3d.h"

namespace sf {

struct BinRange {
  int first, last;  // last excluded
  constexpr int size() const { return last - first; }
};

// Bin `out` of `bins` over an axis of `in` positions.
constexpr BinRange bin_range(int in, int bins, int out) {
  const int64_t i = out;
  return {int(i * in / bins), int(((i + 1) * in + bins - 1) / bins)};
}

// The input pixels of one output pixel.
struct Bin {
  int64_t n;
  BinRange t, h, w;
  constexpr int pixels() const { return t.size() * h.size() * w.size(); }
};

constexpr Bin bin_of(const AdaptivePool3dProblem& p, int64_t out_pixel) {
  return {.n = out_pixel / p.out_w / p.out_h / p.out_t,
          .t = bin_range(p.t, p.out_t, int(out_pixel / p.out_w / p.out_h % p.out_t)),
          .h = bin_range(p.h, p.out_h, int(out_pixel / p.out_w % p.out_h)),
          .w = bin_range(p.w, p.out_w, int(out_pixel % p.out_w))};
}

// f(pixel index) for the input pixels of a bin, in the order T, H, W.
template <class F>
constexpr void for_bin(const AdaptivePool3dProblem& p, const Bin& bin, const F& f) {
  for (int i = bin.t.first; i < bin.t.last; ++i)
    for (int j = bin.h.first; j < bin.h.last; ++j)
      for (int l = bin.w.first; l < bin.w.last; ++l) f(((bin.n * p.t + i) * p.h + j) * p.w + l);
}

// The bins, of `bins` over `in` positions, that cover position i: the rule is its own inverse.
constexpr BinRange covering_range(int in, int bins, int i) { return bin_range(bins, in, i); }

// f(output pixel index) for the bins that cover an input pixel, in the order T, H, W.
template <class F>
constexpr void for_covering_bins(const AdaptivePool3dProblem& p, int64_t pixel, const F& f) {
  const int64_t n = pixel / p.w / p.h / p.t;
  const BinRange t = covering_range(p.t, p.out_t, int(pixel / p.w / p.h % p.t));
  const BinRange h = covering_range(p.h, p.out_h, int(pixel / p.w % p.h));
  const BinRange w = covering_range(p.w, p.out_w, int(pixel % p.w));
  for (int i = t.first; i < t.last; ++i)
    for (int j = h.first; j < h.last; ++j)
      for (int l = w.first; l < w.last; ++l) f(((n * p.out_t + i) * p.out_h + j) * p.out_w + l);
}

}  // namespace sf
