// Whole gradients: their norm, limits and sums.
#pragma once

#include <span>

#include "autograd/graph.h"

namespace sf {

struct GradientNorm {
  Value norm;  // f64, one: of all gradients, scaled, as one vector
  // f64, one: scale times max_norm / (norm + 1e-6), that at most 1: what to multiply the gradients
  // with.
  Value factor;
};

// max_norm: 0 for none. scale: f64, one; empty: 1.
GradientNorm gradient_norm(std::span<const Value> gradients, double max_norm = 0, Value scale = {});

// f64: numbers that add up to the sum of all values of all x squared; one number for one x.
Value sum_of_squares(std::span<const Value> x);

// x held to [-limit, limit].
Value clamp(Value x, double limit);

// x times a factor, f64, one.
Value scale(Value x, Value factor);

// Adds each x to the memory of its sum, a state of x's type.
void accumulate_into(std::span<const Value> x, std::span<const Value> sums);

}  // namespace sf
