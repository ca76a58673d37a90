// Sums over groups of pixels: the gradient of what was repeated for each of them.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// y has `pixels` pixels, x `repeat` for each of them. A pitch counts elements from one pixel to the
// next, >= c.
struct SumPixelsProblem {
  DType dtype = DType::f32;
  int64_t pixels = 1, repeat = 1;
  int c = 1;
  int64_t x_pitch = 1, y_pitch = 1;
};

// Pixel i of y = the sum of pixels [i repeat, (i + 1) repeat) of x, in double precision, rounded
// once. y overlaps nothing.
struct SumPixelsArgs {
  const void* x = nullptr;
  void* y = nullptr;
};

using SumPixelsKernel = Kernel<SumPixelsProblem, SumPixelsArgs>;

// Best first, the reference (every real type) last. Those of the CPU add in order and agree bit
// for bit.
std::span<const SumPixelsKernel> sum_pixels_kernels(Backend backend);

}  // namespace sf
