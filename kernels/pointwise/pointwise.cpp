#include "kernels/pointwise/pointwise.h"

#include <array>

#include "kernels/pointwise/backward.h"

namespace sf {

extern const UnaryKernel kUnaryChannelVectors, kUnaryReference;
extern const UnaryBackwardKernel kUnaryBackwardChannelVectors, kUnaryBackwardReference;
extern const BinaryKernel kBinaryChannelVectors, kBinaryReference;

std::span<const UnaryKernel> unary_kernels(Backend backend) {
  static const std::array rows{kUnaryChannelVectors, kUnaryReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const UnaryBackwardKernel> unary_backward_kernels(Backend backend) {
  static const std::array rows{kUnaryBackwardChannelVectors, kUnaryBackwardReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const BinaryKernel> binary_kernels(Backend backend) {
  static const std::array rows{kBinaryChannelVectors, kBinaryReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
