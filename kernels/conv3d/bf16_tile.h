// Products of bf16 with float32 sums by the processor's instruction for pairs of them, where it has
// one (AVX-512 BF16).
#pragma once

#include <cstdint>

#include "kernels/base/half.h"

namespace sf {

inline constexpr int kBf16TileRows = 14, kBf16TileColumns = 32;

bool has_bf16_tile();

// sums[m][n] for rows of a, a_pitch apart, and a panel of one or two vectors of 16 columns:
// [pair][column][2], two values of depth that lie next to each other in a. rows: 1 to
// kBf16TileRows. Subnormal factors count as zero.
void multiply_bf16_tile(int rows, int vectors, const bf16* a, int64_t a_pitch, const bf16* panel,
                        int64_t pairs, float (*sums)[kBf16TileColumns]);

}  // namespace sf
