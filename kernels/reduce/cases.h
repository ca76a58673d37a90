// Sums over pixels for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/reduce/reduce.h"

namespace sf {

inline std::vector<Case<SumPixelsProblem>> sum_pixels_cases() {
  return {
      {"one_value", {}},
      {"bias_gradient", {.repeat = 70, .c = 400, .x_pitch = 400, .y_pitch = 400}},
      {"squeeze_excitation", {.pixels = 3, .repeat = 35, .c = 54, .x_pitch = 54, .y_pitch = 54}},
      {"strips", {.pixels = 2, .repeat = 9000, .c = 16, .x_pitch = 24, .y_pitch = 16}},
      {"strips_of_odd_channels", {.repeat = 1501, .c = 45, .x_pitch = 45, .y_pitch = 45}},
      {"pitched", {.pixels = 5, .repeat = 9, .c = 29, .x_pitch = 31, .y_pitch = 40}},
      {"copy", {.pixels = 7, .c = 3, .x_pitch = 3, .y_pitch = 4}},
  };
}

}  // namespace sf
