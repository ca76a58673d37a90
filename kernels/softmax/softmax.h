// Softmax over the innermost axis.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// A pitch counts elements from one row to the next, >= cols.
struct SoftmaxProblem {
  DType dtype = DType::f32;
  int64_t rows = 1;
  int cols = 1;
  int64_t x_pitch = 1, y_pitch = 1;
};

// y = exp(x - max) / sum of exp(x - max) over the row. y may be x with the same pitch; apart from
// that it overlaps nothing.
struct SoftmaxArgs {
  const void* x = nullptr;
  void* y = nullptr;
};

using SoftmaxKernel = Kernel<SoftmaxProblem, SoftmaxArgs>;

// Best first, the reference (every real type) last. A row that holds a NaN or +inf, or only -inf,
// becomes NaN.
std::span<const SoftmaxKernel> softmax_kernels(Backend backend);

}  // namespace sf
