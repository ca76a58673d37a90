// Steps of optimisers as nodes that write parameters. Formulas: kernels/optimizer/optimizer.h.
#pragma once

#include <vector>

#include "autograd/graph.h"
#include "kernels/optimizer/optimizer.h"

namespace sf {

// What all parameters of a step share; one element each.
struct StepInputs {
  Value learning_rate;  // f64
  Value step;           // i64, 1 in the first
  Value factor;         // f64, of the gradients; may be empty
};

// A parameter with its gradient and what the optimiser remembers of it, all of one type.
struct Learning {
  Value parameter, gradient;
  std::vector<Value> memory;
};

// Steps of all parameters in few nodes. Memory: the buffer, none without momentum.
void sgd_step(const std::vector<Learning>& parameters, const StepInputs& inputs,
              const SgdRule& rule);

// Memory: mean and square, zeros before the first step.
void adam_step(const std::vector<Learning>& parameters, const StepInputs& inputs,
               const AdamRule& rule);

struct LarsOptions {
  double trust = 0.001, epsilon = 1e-8, weight_decay = 0;
};

// The gradient scaled to the parameter's norm, weight decay included (arXiv:1708.03888).
Value lars_gradient(Value parameter, Value gradient, const LarsOptions& options);

}  // namespace sf
