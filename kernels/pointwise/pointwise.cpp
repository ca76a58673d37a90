#include "kernels/pointwise/pointwise.h"

#include <array>

#include "kernels/base/device_table.h"
#include "kernels/pointwise/backward.h"

namespace sf {

extern const UnaryKernel kUnaryChannelVectors, kUnaryReference;
extern const UnaryBackwardKernel kUnaryBackwardChannelVectors, kUnaryBackwardReference;
extern const BinaryKernel kBinaryChannelVectors, kBinaryReference;

SF_DEVICE_TABLE(UnaryKernel, unary_kernels)
SF_DEVICE_TABLE(UnaryBackwardKernel, unary_backward_kernels)
SF_DEVICE_TABLE(BinaryKernel, binary_kernels)

std::span<const UnaryKernel> unary_kernels(Backend backend) {
  static const std::array rows{kUnaryChannelVectors, kUnaryReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::unary_kernels();
    case Backend::cuda: return cuda::unary_kernels();
  }
  return {};
}

std::span<const UnaryBackwardKernel> unary_backward_kernels(Backend backend) {
  static const std::array rows{kUnaryBackwardChannelVectors, kUnaryBackwardReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::unary_backward_kernels();
    case Backend::cuda: return cuda::unary_backward_kernels();
  }
  return {};
}

std::span<const BinaryKernel> binary_kernels(Backend backend) {
  static const std::array rows{kBinaryChannelVectors, kBinaryReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::binary_kernels();
    case Backend::cuda: return cuda::binary_kernels();
  }
  return {};
}

}  // namespace sf
