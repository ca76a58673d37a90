// RoIAlign problems for tests.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/roi_align/box_features.h"

namespace sf {

inline std::vector<Case<RoiAlignProblem>> roi_align_cases() {
  using P = RoiAlignProblem;
  const P heads{.n = 2, .h = 6, .w = 9, .c = 37, .boxes = 14, .bins = 7, .spatial_scale = 1. / 16};
  P legacy = heads;
  legacy.aligned = false;
  P fixed = heads;
  fixed.samples = 2;
  fixed.n = 1;
  P many_channels = heads;
  many_channels.c = 700;
  many_channels.boxes = 3;
  const std::vector<Case<P>> dense_cases{
      {"one_value", {}},
      {"detection_head", heads},
      {"legacy", legacy},
      {"fixed_samples", fixed},
      {"many_channels", many_channels},
      {"one_bin", {.n = 3, .h = 5, .w = 4, .c = 8, .boxes = 9, .spatial_scale = 0.25}},
      {"large_bins", {.h = 40, .w = 33, .c = 5, .boxes = 8, .bins = 2}},
      {"one_row", {.n = 2, .h = 1, .w = 17, .c = 6, .boxes = 8, .bins = 3, .aligned = false}},
  };
  std::vector<Case<P>> cases;
  for (const int gap : {0, 3})
    for (const auto& [name, problem] : dense_cases) {
      P p = problem;
      p.x_pitch = p.c + gap;
      p.y_pitch = p.c + 2 * gap;
      cases.push_back({gap ? name + "_pitched" : name, p});
    }
  P vectors = heads;
  vectors.c = 16;
  vectors.x_pitch = 24;
  vectors.y_pitch = 40;
  cases.push_back({"whole_vectors_pitched", vectors});
  return cases;
}

// The same with frames, a power of two of them, so that means are exact.
inline std::vector<Case<BoxFeaturesProblem>> box_features_cases() {
  std::vector<Case<BoxFeaturesProblem>> cases;
  for (const auto& [name, problem] : roi_align_cases())
    cases.push_back({name, {.roi = problem, .t = 1 << cases.size() % 4}});
  // More channels than a task has, more pixels than shared memory holds.
  cases.push_back(
      {"large_picture",
       {.roi = {.h = 24, .w = 41, .c = 150, .boxes = 6, .bins = 7, .x_pitch = 150, .y_pitch = 160},
        .t = 4}});
  return cases;
}

}  // namespace sf
