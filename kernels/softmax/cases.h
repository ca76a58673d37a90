// Softmax problems for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/softmax/backward.h"
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

inline std::vector<Case<SoftmaxBackwardProblem>> softmax_backward_cases() {
  std::vector<Case<SoftmaxBackwardProblem>> cases;
  for (const auto& [name, p] : softmax_cases())
    cases.push_back({name,
                     {.rows = p.rows,
                      .cols = p.cols,
                      .y_pitch = p.y_pitch,
                      .dy_pitch = p.x_pitch,
                      .dx_pitch = 2 * p.x_pitch - p.cols}});
  return cases;
}

}  // namespace sf
