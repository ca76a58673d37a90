// Gradients of the functions of one activation.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/pointwise/pointwise.h"

namespace sf {

// A pitch counts elements from one pixel to the next, >= c.
struct UnaryBackwardProblem {
  DType dtype = DType::f32;
  UnaryKind kind = UnaryKind::relu;
  int64_t pixels = 1;
  int c = 1;
  int64_t saved_pitch = 1, dy_pitch = 1, dx_pitch = 1;
};

// dx = dy f'. relu and sigmoid take it from their result: dy where y > 0 or NaN, else 0; dy (1 - y)
// y. swish takes it from its input: dy s (1 + x (1 - s)), s = sigmoid(x). dx may be either input
// with the same pitch; apart from that it overlaps nothing.
struct UnaryBackwardArgs {
  const void* saved = nullptr;  // y, swish: x
  const void* dy = nullptr;
  void* dx = nullptr;
};

using UnaryBackwardKernel = Kernel<UnaryBackwardProblem, UnaryBackwardArgs>;

// Best first, the reference (every real type) last.
std::span<const UnaryBackwardKernel> unary_backward_kernels(Backend backend);

}  // namespace sf
