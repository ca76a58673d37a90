// The 16-bit storage types as float32.
#pragma once

#include "tensor/tensor.h"

namespace sf {

// A float32 copy of an f16 or bf16 tensor, exact; other tensors are returned as they are.
Tensor f32_from_half(const Tensor& tensor);

}  // namespace sf
