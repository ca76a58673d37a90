// Softmax problems for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/softmax/softmax.h"

namespace sf {

inline std::vector<Case<SoftmaxProblem>> softmax_cases() {
  return {
      {"one_value", {}},
      {"classes", {.rows = 3, .cols = 400, .x_pitch = 400, .y_pitch = 400}},
      {"attention", {.rows = 98, .cols = 49, .x_pitch = 49, .y_pitch = 49}},
      {"pitched", {.rows = 21, .cols = 37, .x_pitch = 40, .y_pitch = 38}},
      {"narrow", {.rows = 5, .cols = 3, .x_pitch = 3, .y_pitch = 3}},
  };
}

}  // namespace sf
