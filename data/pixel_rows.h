// Weighted sums of pixels of three floats, in vectors.
#pragma once

#include <cstdint>
#include <span>

namespace sf {

// Two pixels of a row, by the position of their first float, and their weights.
struct PixelPair {
  int near = 0;
  int far = 0;
  float near_weight = 1;
  float far_weight = 0;
};

// out[3 i + c] = near_weight row[near + c] + far_weight row[far + c] of pair i, rounded after each
// operation. Reads one float behind the pixels, and writes one behind the last.
void blend_pixels(const float* row, std::span<const PixelPair> pairs, float* out);

// out[i] = near_weight near[i] + far_weight far[i] for i in [0, n), rounded after each operation.
void blend_rows(const float* near, float near_weight, const float* far, float far_weight, int64_t n,
                float* out);

}  // namespace sf
