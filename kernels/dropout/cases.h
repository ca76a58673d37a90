// Dropout problems for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/dropout/dropout.h"

namespace sf {

inline std::vector<Case<DropoutProblem>> dropout_cases() {
  return {
      {"head", {.pixels = 3, .c = 2304, .x_pitch = 2304, .y_pitch = 2304}},
      {"seldom", {.pixels = 300, .c = 27, .rate = 0.1, .x_pitch = 27, .y_pitch = 27}},
      {"pitched", {.pixels = 90, .c = 29, .rate = 0.25, .x_pitch = 31, .y_pitch = 40}},
      {"part", {.pixels = 70, .c = 13, .first_pixel = 140, .x_pitch = 13, .y_pitch = 13}},
      {"drop_connect",
       {.pixels = 4000, .c = 3, .rate = 0.2, .draw_pixels = 4, .x_pitch = 3, .y_pitch = 5}},
  };
}

}  // namespace sf
