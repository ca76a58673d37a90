// Which vector of channels of which pixel a thread of a device has.
#pragma once

#include "kernels/base/device.h"
#include "kernels/pool3d/window.h"

namespace sf::SF_DEVICE_NS {

constexpr int kPoolThreads = 256;
// On a multiprocessor at least, which allows 64 registers. Unasked, ptxas spills to get at fewer.
constexpr int kPoolBlocks = 4;

// Samples and extents of an activation, in vectors of channels.
struct PoolExtent {
  int n, t, h, w, vectors;

  int64_t size() const { return int64_t{n} * t * h * w * vectors; }
  unsigned blocks() const { return unsigned(ceil_div(size(), kPoolThreads)); }
};

inline PoolExtent in_extent(const Pool3dProblem& p, int width) {
  return {p.n, p.t, p.h, p.w, p.c / width};
}
inline PoolExtent out_extent(const Pool3dProblem& p, int width) {
  return {p.n, p.out_t(), p.out_h(), p.out_w(), p.c / width};
}

struct PoolPlace {
  int n, t, h, w, vector;
  int64_t pixel;
  bool inside;

  // Neighbouring threads have neighbouring vectors.
  SF_DEVICE explicit PoolPlace(const PoolExtent& e) {
    unsigned i = blockIdx.x * kPoolThreads + threadIdx.x;
    vector = int(i % unsigned(e.vectors)), i /= unsigned(e.vectors);
    pixel = i;
    w = int(i % unsigned(e.w)), i /= unsigned(e.w);
    h = int(i % unsigned(e.h)), i /= unsigned(e.h);
    t = int(i % unsigned(e.t)), n = int(i / unsigned(e.t));
    inside = n < e.n;
  }
};

// Values are counted in 32 bits.
inline bool fits_place(const Pool3dProblem& p) {
  constexpr int64_t kMost = int64_t{1} << 31;
  return in_extent(p, 1).size() < kMost && out_extent(p, 1).size() < kMost;
}

}  // namespace sf::SF_DEVICE_NS
