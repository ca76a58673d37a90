// Whole gradients: their norm, limits and sums.
#pragma once

#include <span>

#include "autograd/graph.h"

namespace sf {

struct GradientNorm {
  Value norm;    // f64, one: of all gradients as one vector
  Value factor;  // f64, one: max_norm / (norm + 1e-6), at most 1: what to scale the gradients with
};

// max_norm: 0 for none.
GradientNorm gradient_norm(std::span<const Value> gradients, double max_norm = 0);

// f64, one element: the sum of x squared.
Value sum_of_squares(Value x);

// x held to [-limit, limit].
Value clamp(Value x, double limit);

// x times a factor, f64, one.
Value scale(Value x, Value factor);

// Adds x to the memory of `sum`, a state of x's type.
void accumulate_into(Value x, Value sum);

}  // namespace sf
