// Steps of optimisers for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/optimizer/optimizer.h"

namespace sf {

inline std::vector<Case<SgdProblem>> sgd_cases() {
  return {{"plain", {.n = 37}},
          {"decayed", {.n = 100, .weight_decay = 0.01}},
          {"momentum", {.n = 50001, .momentum = 0.9, .weight_decay = 0.01}},
          {"dampened", {.n = 29, .momentum = 0.9, .dampening = 0.5, .weight_decay = 0.01}},
          {"nesterov", {.n = 131, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}}};
}

inline std::vector<Case<AdamProblem>> adam_cases() {
  return {{"one_value", {}},
          {"adam", {.n = 131, .weight_decay = 0.01}},
          {"other_constants", {.n = 29, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3}},
          {"adamw", {.n = 50001, .weight_decay = 0.05, .decoupled = true}}};
}

}  // namespace sf
