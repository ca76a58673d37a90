// The boxes of a batch and what belongs to them, in tensors with room for more.
#pragma once

#include "tensor/tensor.h"

namespace sf {

// Rows x columns with `room` rows, those behind the given ones filled with a number. f32 or f64, on
// the host. Throws if there are more rows than room, naming `what`.
Tensor with_room(const Tensor& rows, int64_t room, double fill, const char* what);

// A copy of the first rows of a tensor on the host.
Tensor first_rows(const Tensor& tensor, int64_t rows);

}  // namespace sf
