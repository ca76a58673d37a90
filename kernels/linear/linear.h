// Fully connected layer.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// x is rows of `in` values, y rows of `out` values; a pitch counts elements from one row to the
// next, >= the row. The weights are dense out x in, the bias `out` values of arithmetic_of(dtype).
struct LinearProblem {
  DType dtype = DType::f32;
  int64_t rows = 1;
  int in = 1, out = 1;
  bool bias = false;
  Activation activation = Activation::none;
  int64_t x_pitch = 1, y_pitch = 1;
  bool tf32 = false;  // float32 factors may be rounded to 10 bits of mantissa
};

// y = activation(x w^T + bias). w is what pack() made where the kernel packs. y overlaps nothing.
// On the CPU a row of y is the same bits whatever other rows there are. A NaN may leave a fused
// ReLU as NaN (on the CPU) or as 0.
struct LinearArgs {
  const void* x = nullptr;
  const void* w = nullptr;
  const void* bias = nullptr;  // null without bias
  void* y = nullptr;
};

using LinearKernel = Kernel<LinearProblem, LinearArgs>;

// Best first, the reference (every real type, everything) last. A prepared state serves one thread
// at a time.
std::span<const LinearKernel> linear_kernels(Backend backend);

}  // namespace sf
