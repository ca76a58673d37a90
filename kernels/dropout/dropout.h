// Dropout and drop connect.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// Each draw keeps its elements with probability 1 - rate. A draw is for one element, or for all
// channels of `draw_pixels` pixels: those of a sample in drop connect. A pitch counts elements from
// one pixel to the next, >= c.
struct DropoutProblem {
  DType dtype = DType::f32;
  int64_t pixels = 1;
  int c = 1;
  double rate = 0.5;        // in [0, 1]
  int64_t draw_pixels = 0;  // 0: one draw for each element
  uint64_t stream = 0;      // tells apart the uses in one step, of one seed
  int64_t first_pixel = 0;  // number of the first one where these are part of a larger batch
  int64_t x_pitch = 1, y_pitch = 1;
};

// y = x / (1 - rate) where the draw keeps it, else 0. What is kept depends on seed, stream, step
// and the number of the draw alone: called with dy for x, it gives the gradient. y may be x with
// the same pitch; apart from that it overlaps nothing.
struct DropoutArgs {
  const void* x = nullptr;
  const int64_t* seed = nullptr;  // one value each, read in the run
  const int64_t* step = nullptr;
  void* y = nullptr;
};

using DropoutKernel = Kernel<DropoutProblem, DropoutArgs>;

// The reference (every real type).
std::span<const DropoutKernel> dropout_kernels(Backend backend);

}  // namespace sf
