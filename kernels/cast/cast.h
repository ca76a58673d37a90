// Activations and weights from one real type to another.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// A pitch counts elements from one pixel to the next, >= c.
struct CastProblem {
  DType from = DType::f32, to = DType::bf16;
  int64_t pixels = 1;
  int c = 1;
  int64_t x_pitch = 1, y_pitch = 1;
};

// y = x to the nearest value of its type, ties to even; f64 is rounded to f32 on the way to a half
// type. What exceeds the type becomes infinite, NaN stays NaN. y overlaps nothing.
struct CastArgs {
  const void* x = nullptr;
  void* y = nullptr;
};

using CastKernel = Kernel<CastProblem, CastArgs>;

// Best first, the reference (every pair of real types) last. All agree bit for bit.
std::span<const CastKernel> cast_kernels(Backend backend);

}  // namespace sf
