#include "tensor/half.h"

#include "kernels/base/half.h"

namespace sf {

Tensor f32_from_half(const Tensor& tensor) {
  if (tensor.dtype() != DType::f16 && tensor.dtype() != DType::bf16) return tensor;
  return tensor.to(DType::f32);
}

}  // namespace sf
