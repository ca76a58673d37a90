// Fully connected problems for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/linear/linear.h"

namespace sf {

inline std::vector<Case<LinearProblem>> linear_cases() {
  constexpr auto kRelu = Activation::relu;
  const std::vector<Case<LinearProblem>> dense_cases{
      {"one_value", {}},
      {"head", {.rows = 2, .in = 2304, .out = 40, .bias = true}},
      {"one_row", {.rows = 1, .in = 129, .out = 31, .bias = true}},
      {"odd", {.rows = 7, .in = 13, .out = 5}},
      {"many_rows", {.rows = 65, .in = 24, .out = 33, .bias = true, .activation = kRelu}},
      {"relu", {.rows = 3, .in = 16, .out = 16, .activation = kRelu}},
  };
  std::vector<Case<LinearProblem>> cases;
  for (const int gap : {0, 3})
    for (const auto& [name, problem] : dense_cases) {
      LinearProblem p = problem;
      p.x_pitch = p.in + gap;
      p.y_pitch = p.out + 2 * gap;
      cases.push_back({gap ? name + "_pitched" : name, p});
    }
  return cases;
}

}  // namespace sf
