// Pictures for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/resample/resample.h"

namespace sf {

// Rows of x without gaps.
inline ResampleProblem packed(ResampleProblem p) {
  p.row_bytes = int64_t{3} * p.in_width;
  p.frame_bytes = p.row_bytes * p.in_height;
  return p;
}

inline std::vector<Case<ResampleProblem>> resample_cases() {
  std::vector<Case<ResampleProblem>> all;
  struct Size {
    int height, width;
  };
  // The whole result, or a part of it.
  const auto add = [&](const char* name, Size in, Size size, ResampleProblem p) {
    p.in_height = in.height, p.in_width = in.width;
    p.height = size.height, p.width = size.width;
    if (p.out_height == 1) p.out_height = size.height, p.out_width = size.width;
    p.row_bytes = 3 * in.width + 5;
    p.frame_bytes = p.row_bytes * in.height + 7;
    p.mean = {0.4F, 0.5F, 0.6F};
    p.std = {0.2F, 0.3F, 0.25F};
    all.push_back({name, p});
  };
  add("same_size", {37, 52}, {37, 52}, {.frames = 2});
  add("part_of_the_same", {37, 53}, {37, 53},
      {.top = 3, .left = 8, .out_height = 11, .out_width = 17});
  add("smaller", {37, 53}, {20, 28}, {.frames = 3, .reverse_channels = true});
  add("part_mirrored", {37, 53}, {20, 28},
      {.frames = 2, .top = 5, .left = 9, .out_height = 7, .out_width = 16, .mirror = true});
  add("larger", {20, 31}, {45, 69}, {.top = 11, .left = 3, .out_height = 30, .out_width = 64});
  add("pitched", {20, 31}, {24, 36}, {.frames = 2, .mirror = true, .y_pitch = 8});
  add("wide", {3, 300}, {5, 520}, {});
  add("narrow", {240, 7}, {60, 2}, {.top = 59, .left = 1, .out_height = 2, .out_width = 1});
  add("one_pixel", {1, 1}, {5, 3}, {});
  return all;
}

}  // namespace sf
