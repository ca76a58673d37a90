// Batch normalisation problems for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/batch_norm/batch_norm.h"

namespace sf {

inline std::vector<Case<BatchNormProblem>> batch_norm_cases() {
  return {
      {"one_value", {}},
      {"dense", {.pixels = 300, .c = 64, .x_pitch = 64, .y_pitch = 64}},
      {"few_channels", {.pixels = 4100, .c = 8, .x_pitch = 8, .y_pitch = 8}},
      {"odd_pitched", {.pixels = 37, .c = 45, .epsilon = 1e-3, .x_pitch = 47, .y_pitch = 60}},
      {"three_channels", {.pixels = 9, .c = 3, .x_pitch = 4, .y_pitch = 3}},
  };
}

inline std::vector<Case<FoldProblem>> fold_cases() {
  return {
      {"one_value", {}},
      {"spatial", {.k = 24, .per_output = 9 * 16}},
      {"odd", {.k = 5, .per_output = 7, .epsilon = 1e-3}},
  };
}

}  // namespace sf
