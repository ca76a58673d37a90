// Maximum and average over windows of channels-last activations.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

enum class PoolKind : uint8_t { max, average };

// x is N T H W C, y N out_t out_h out_w C; a pitch counts elements from one pixel to the next, >=
// c. Triples are T, H, W; pad is at most half the window, so that every window meets a pixel.
struct Pool3dProblem {
  DType dtype = DType::f32;
  PoolKind kind = PoolKind::max;
  int n = 1, t = 1, h = 1, w = 1, c = 1;
  std::array<int, 3> window{1, 1, 1}, stride{1, 1, 1}, pad{0, 0, 0};
  bool count_include_pad =
      true;  // average: divide by the size of the window clipped to the padded input
  int64_t x_pitch = 1, y_pitch = 1;

  constexpr int out_t() const { return extent(t, 0); }
  constexpr int out_h() const { return extent(h, 1); }
  constexpr int out_w() const { return extent(w, 2); }

 private:
  constexpr int extent(int in, size_t axis) const {
    return (in + 2 * pad[axis] - window[axis]) / stride[axis] + 1;
  }
};

// y overlaps nothing.
struct Pool3dArgs {
  const void* x = nullptr;
  void* y = nullptr;
};

using Pool3dKernel = Kernel<Pool3dProblem, Pool3dArgs>;

// Best first, the reference (every real type, everything) last. The maximum ignores padding and is
// NaN if the window holds a NaN; the average adds in the order T, H, W, then divides.
std::span<const Pool3dKernel> pool3d_kernels(Backend backend);

}  // namespace sf
