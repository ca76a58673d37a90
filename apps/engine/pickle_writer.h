// Results for Python.
#pragma once

#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace sf {

// A pickle (protocol 2) of a list of NumPy arrays, for f32, f64 and i64 tensors in host memory.
std::string pickled_arrays(const std::vector<Tensor>& tensors);

}  // namespace sf
