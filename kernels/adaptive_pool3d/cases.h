// Adaptive pooling problems for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/adaptive_pool3d/adaptive_pool3d.h"
#include "kernels/base/case.h"

namespace sf {

inline std::vector<Case<AdaptivePool3dProblem>> adaptive_pool3d_cases() {
  using P = AdaptivePool3dProblem;
  const std::vector<Case<P>> dense_cases{
      {"one_value", {}},
      {"global", {.n = 2, .t = 3, .h = 5, .w = 5, .c = 300}},
      {"large_bins", {.t = 5, .h = 6, .w = 9, .c = 21, .out_w = 2}},
      {"overlapping_bins", {.t = 7, .h = 5, .w = 8, .c = 9, .out_t = 3, .out_h = 2, .out_w = 3}},
      {"repeating_bins", {.t = 2, .h = 3, .w = 3, .c = 17, .out_t = 4, .out_h = 5, .out_w = 7}},
      {"identity", {.t = 2, .h = 3, .w = 4, .c = 5, .out_t = 2, .out_h = 3, .out_w = 4}},
  };
  std::vector<Case<P>> cases;
  for (const int gap : {0, 3})
    for (const auto& [name, problem] : dense_cases) {
      P p = problem;
      p.x_pitch = p.c + gap;
      p.y_pitch = p.c + 2 * gap;
      cases.push_back({gap ? name + "_pitched" : name, p});
    }
  cases.push_back({"whole_vectors_pitched",
                   {.t = 4, .h = 5, .w = 9, .c = 16, .out_w = 2, .x_pitch = 24, .y_pitch = 40}});
  return cases;
}

}  // namespace sf
