// Products of bf16 with float32 sums by the processor's instruction for pairs of them, where it has
// one (AVX-512 BF16).
#pragma once

#include <cstdint>

#include "kernels/base/half.h"

namespace sf {

inline constexpr int kBf16TileRows = 14, kBf16TileColumns = 32;

bool has_bf16_tile();

// Where the sums of a tile go: as they are, or with bias, residual and ReLU, the first two null
// without, to bf16.
struct Bf16TileSums {
  float* y;
  int64_t pitch;
};
struct Bf16TileOutput {
  const float* bias;
  const bf16* residual;
  bf16* y;
  int64_t residual_pitch, y_pitch;
  bool relu;
};

// For rows of a, a_pitch apart, and a panel of one or two vectors of 16 columns: [pair][column][2],
// two values of depth that lie next to each other in a. rows: 1 to kBf16TileRows. columns: a
// multiple of 8 up to kBf16TileColumns; the panel is filled up to whole vectors. Subnormal factors
// and subnormal values of bf16 results count as zero; else those are the nearest, ties to even.
void multiply_bf16_tile(int rows, int columns, const bf16* a, int64_t a_pitch, const bf16* panel,
                        int64_t pairs, const Bf16TileSums& to);
void multiply_bf16_tile(int rows, int columns, const bf16* a, int64_t a_pitch, const bf16* panel,
                        int64_t pairs, const Bf16TileOutput& to);

}  // namespace sf
