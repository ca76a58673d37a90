// The part of the input that a pooled value sees.
#pragma once

#include <algorithm>

#include "kernels/pool3d/pool3d.h"

namespace sf {

struct PoolRange {
  int first, last;  // last excluded
};

// Positions of the window of output `out` along an axis of `in` positions that are no padding.
inline PoolRange pool_range(const Pool3dProblem& p, size_t axis, int in, int out) {
  const int first = out * p.stride[axis] - p.pad[axis];
  return {std::max(first, 0), std::min(first + p.window[axis], in)};
}

// What the average over the three ranges divides by.
inline int pool_divisor(const Pool3dProblem& p, PoolRange t, PoolRange h, PoolRange w) {
  if (p.count_include_pad) return p.window[0] * p.window[1] * p.window[2];
  return (t.last - t.first) * (h.last - h.first) * (w.last - w.first);
}

}  // namespace sf
