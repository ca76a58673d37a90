// Weighted sums of pixels of three floats, in vectors.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/resample/taps.h"

namespace sf {

// out[3 i + c] = near_weight row[near + c] + far_weight row[far + c] of pair i, whose places count
// floats; rounded after each operation. Reads one float behind the pixels, and writes one behind
// the last.
void blend_pixels(const float* row, std::span<const PixelPair> pairs, float* out);

// out[i] = near_weight near[i] + far_weight far[i] for i in [0, n), rounded after each operation.
void blend_rows(const float* near, float near_weight, const float* far, float far_weight, int64_t n,
                float* out);

}  // namespace sf
