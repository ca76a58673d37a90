// Copies of pixels for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/concat/concat.h"

namespace sf {

inline std::vector<Case<CopyProblem>> copy_cases() {
  return {
      {"one_value", {}},
      {"dense", {.pixels = 5000, .c = 8, .x_pitch = 8, .y_pitch = 8}},
      {"into_concatenation", {.pixels = 777, .c = 64, .x_pitch = 64, .y_pitch = 80}},
      {"out_of_concatenation", {.pixels = 777, .c = 16, .x_pitch = 80, .y_pitch = 16}},
      {"words_of_half", {.pixels = 77, .c = 6, .x_pitch = 6, .y_pitch = 10}},
      {"odd", {.pixels = 33, .c = 5, .x_pitch = 7, .y_pitch = 11}},
  };
}

}  // namespace sf
