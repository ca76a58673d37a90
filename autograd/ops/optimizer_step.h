// Steps of optimisers as nodes that write parameters. Formulas: kernels/optimizer/optimizer.h.
#pragma once

#include "autograd/graph.h"

namespace sf {

// What all parameters of a step share; one element each.
struct StepInputs {
  Value learning_rate;  // f64
  Value step;           // i64, 1 in the first
  Value factor;         // f64, of the gradients; may be empty
};

struct SgdOptions {
  double momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false;
};

// parameter and buffer are states alike; the buffer is empty without momentum.
void sgd_step(Value parameter, Value gradient, Value buffer, const StepInputs& inputs,
              const SgdOptions& options);

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool decoupled = false;  // AdamW
};

// mean and square: states like the parameter, zeros before the first step.
void adam_step(Value parameter, Value gradient, Value mean, Value square, const StepInputs& inputs,
               const AdamOptions& options);

struct LarsOptions {
  double trust = 0.001, epsilon = 1e-8, weight_decay = 0;
};

// The gradient scaled to the parameter's norm, weight decay included (arXiv:1708.03888).
Value lars_gradient(Value parameter, Value gradient, const LarsOptions& options);

}  // namespace sf
