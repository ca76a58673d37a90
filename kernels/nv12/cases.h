// Frames for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/nv12/nv12.h"

namespace sf {

inline std::vector<Case<Nv12Problem>> nv12_cases() {
  std::vector<Case<Nv12Problem>> all;
  const auto add = [&](const char* name, int height, int width, int gap, bool full_range) {
    all.push_back({name,
                   {.height = height,
                    .width = width,
                    .luma_bytes = width + gap,
                    .chroma_bytes = (width + 1) / 2 * 2 + gap,
                    .rgb_bytes = 3 * width + gap,
                    .full_range = full_range}});
  };
  add("dense", 36, 52, 0, false);
  add("pitched", 10, 300, 12, false);
  add("full_range", 36, 52, 3, true);
  add("odd", 7, 257, 5, false);
  add("one_pixel", 1, 1, 0, true);
  return all;
}

}  // namespace sf
