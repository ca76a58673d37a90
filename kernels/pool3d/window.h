// The part of the input that a pooled value sees.
#pragma once

#include <algorithm>

#include "kernels/pool3d/pool3d.h"

namespace sf {

struct PoolRange {
  int first, last;  // last excluded
};

// Where the window of output `out` starts along an axis; below zero in the padding.
constexpr int window_start(const Pool3dProblem& p, size_t axis, int out) {
  return out * p.stride[axis] - p.pad[axis];
}

// Positions of the window of output `out` along an axis of `in` positions that are no padding.
constexpr PoolRange pool_range(const Pool3dProblem& p, size_t axis, int in, int out) {
  const int first = window_start(p, axis, out);
  return {std::max(first, 0), std::min(first + p.window[axis], in)};
}

// The outputs, of `outs` along an axis, whose windows see input position `in`.
constexpr PoolRange covering_range(const Pool3dProblem& p, size_t axis, int outs, int in) {
  const int last = in + p.pad[axis], before = last - p.window[axis];
  return {before < 0 ? 0 : before / p.stride[axis] + 1, std::min(last / p.stride[axis] + 1, outs)};
}

// What the average over the three ranges divides by.
constexpr int pool_divisor(const Pool3dProblem& p, PoolRange t, PoolRange h, PoolRange w) {
  if (p.count_include_pad) return p.window[0] * p.window[1] * p.window[2];
  return (t.last - t.first) * (h.last - h.first) * (w.last - w.first);
}

}  // namespace sf
