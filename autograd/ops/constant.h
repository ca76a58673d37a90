// A tensor of one value.
#pragma once

#include "autograd/graph.h"

namespace sf {

// type.dtype: f32 or f64.
Value constant(Graph& graph, const TensorType& type, double value);

}  // namespace sf
