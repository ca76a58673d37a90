// Values in memory of any device, as the host sees them.
#pragma once

#include <optional>

#include "autograd/op.h"

namespace sf {

// On the host, without gaps.
Tensor dense_copy(const TensorRef& from, Device device);

// The first pixel with a value that is not finite; none for types that have no such values.
std::optional<int64_t> not_finite(const TensorRef& value, Device device);

}  // namespace sf
