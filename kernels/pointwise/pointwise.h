// Functions of one or two activations, element by element.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

enum class UnaryKind : uint8_t { relu, sigmoid, swish };  // swish(x) = x sigmoid(x)
enum class BinaryKind : uint8_t { add, multiply };

// A pitch counts elements from one pixel to the next, >= c.
struct UnaryProblem {
  DType dtype = DType::f32;
  UnaryKind kind = UnaryKind::relu;
  int64_t pixels = 1;
  int c = 1;
  int64_t x_pitch = 1, y_pitch = 1;
};

// y = f(x). y may be x with the same pitch; apart from that it overlaps nothing.
struct UnaryArgs {
  const void* x = nullptr;
  void* y = nullptr;
};

// Pixel i of a and y meets pixel i / b_repeat of b. With b_repeat = T H W, b holds one value for
// each sample and channel, as squeeze-and-excitation wants.
struct BinaryProblem {
  DType dtype = DType::f32;
  BinaryKind kind = BinaryKind::add;
  int64_t pixels = 1;
  int c = 1;
  int64_t b_repeat = 1;
  int64_t a_pitch = 1, b_pitch = 1, y_pitch = 1;
};

// y = f(a, b). y may be a, or b if b_repeat is 1, with the same pitch; apart from that it overlaps
// nothing.
struct BinaryArgs {
  const void* a = nullptr;
  const void* b = nullptr;
  void* y = nullptr;
};

using UnaryKernel = Kernel<UnaryProblem, UnaryArgs>;
using BinaryKernel = Kernel<BinaryProblem, BinaryArgs>;

// Best first, the reference (every real type, everything) last. relu(NaN) is NaN.
std::span<const UnaryKernel> unary_kernels(Backend backend);
std::span<const BinaryKernel> binary_kernels(Backend backend);

}  // namespace sf
