// The gradient of a softmax by its input.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// A pitch counts elements from one row to the next, >= cols.
struct SoftmaxBackwardProblem {
  DType dtype = DType::f32;
  int64_t rows = 1;
  int cols = 1;
  int64_t y_pitch = 1, dy_pitch = 1, dx_pitch = 1;
};

// dx = y (dy - sum of y dy over the row), y the result of the softmax. dx may be y or dy with the
// same pitch; apart from that it overlaps nothing.
struct SoftmaxBackwardArgs {
  const void* y = nullptr;
  const void* dy = nullptr;
  void* dx = nullptr;
};

using SoftmaxBackwardKernel = Kernel<SoftmaxBackwardProblem, SoftmaxBackwardArgs>;

// Best first, the reference (every real type) last.
std::span<const SoftmaxBackwardKernel> softmax_backward_kernels(Backend backend);

}  // namespace sf
