// Casts for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/cast/cast.h"

namespace sf {

inline std::vector<Case<CastProblem>> cast_cases() {
  return {
      {"one_value", {}},
      {"dense", {.pixels = 700, .c = 27, .x_pitch = 27, .y_pitch = 27}},
      {"pitched", {.pixels = 33, .c = 29, .x_pitch = 31, .y_pitch = 40}},
      {"weights", {.c = 9 * 64 * 64, .x_pitch = 9 * 64 * 64, .y_pitch = 9 * 64 * 64}},
  };
}

}  // namespace sf
