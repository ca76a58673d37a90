#include "kernels/simt/tensor_core.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/error.h"
#include "kernels/base/half.h"
#include "kernels/simt/block_runner.h"

namespace sf::simt {
namespace {

using Lanes = MultiplyLane* const[kWarpSize];

// Without branches, unlike f16's own conversion, so that compilers make vectors of it.
float to_float(f16 half) {
  const uint32_t magnitude = uint32_t(half.bits & 0x7FFF) << 13;
  const uint32_t finite = bits_of(float_of(magnitude) * 0x1p112F);
  const uint32_t bits = magnitude >= 0x0F800000 ? magnitude | 0x7F800000 : finite;
  return float_of(bits | uint32_t(half.bits & 0x8000) << 16);
}
float to_float(bf16 half) { return half; }

// Tiles of a and b in float32, as the lanes hold them in registers.
template <class T>
struct Halves {
  static constexpr int kDepth = 16;

  static void expand_a(Lanes& lanes, int tile, float (&a)[16][kDepth]) {
    uint32_t words[16][8];
    for (int l = 0; l < kWarpSize; ++l)
      for (int j = 0; j < 4; ++j)
        words[l / 4 + j % 2 * 8][l % 4 + j / 2 * 4] = lanes[l]->a[4 * tile + j];
    T halves[16][kDepth];
    std::memcpy(halves, words, sizeof(words));
    for (int m = 0; m < 16; ++m)
      for (int k = 0; k < kDepth; ++k) a[m][k] = to_float(halves[m][k]);
  }

  static void expand_b(Lanes& lanes, int tile, float (&b)[kDepth][8]) {
    uint32_t words[8][8];
    for (int l = 0; l < kWarpSize; ++l)
      for (int j = 0; j < 2; ++j) words[l / 4][l % 4 + j * 4] = lanes[l]->b[2 * tile + j];
    T halves[8][kDepth];
    std::memcpy(halves, words, sizeof(words));
    for (int n = 0; n < 8; ++n)
      for (int k = 0; k < kDepth; ++k) b[k][n] = to_float(halves[n][k]);
  }
};

struct Tf32 {
  static constexpr int kDepth = 8;

  static float read(uint32_t bits) { return float_of(bits & ~uint32_t{0x1FFF}); }

  static void expand_a(Lanes& lanes, int tile, float (&a)[16][kDepth]) {
    for (int l = 0; l < kWarpSize; ++l)
      for (int j = 0; j < 4; ++j)
        a[l / 4 + j % 2 * 8][l % 4 + j / 2 * 4] = read(lanes[l]->a[4 * tile + j]);
  }

  static void expand_b(Lanes& lanes, int tile, float (&b)[kDepth][8]) {
    for (int l = 0; l < kWarpSize; ++l)
      for (int j = 0; j < 2; ++j) b[l % 4 + j * 4][l / 4] = read(lanes[l]->b[2 * tile + j]);
  }
};

// d += a b; every product in the order of k, as the reference adds.
template <int kDepth>
void multiply(Lanes& lanes, int tile, const float (&a)[16][kDepth], const float (&b)[kDepth][8]) {
  float d[16][8];
  for (int l = 0; l < kWarpSize; ++l)
    for (int i = 0; i < 4; ++i) d[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2] = lanes[l]->d[4 * tile + i];
  for (int m = 0; m < 16; ++m) {
    float row[8];
    std::copy_n(d[m], 8, row);
    for (int k = 0; k < kDepth; ++k)
      for (int n = 0; n < 8; ++n) row[n] += a[m][k] * b[k][n];
    std::copy_n(row, 8, d[m]);
  }
  for (int l = 0; l < kWarpSize; ++l)
    for (int i = 0; i < 4; ++i) lanes[l]->d[4 * tile + i] = d[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2];
}

template <class Tiles>
void multiply_tiles(Lanes& lanes, int m, int n) {
  constexpr int kDepth = Tiles::kDepth;
  float b[kMostTiles][kDepth][8];
  for (int j = 0; j < n; ++j) Tiles::expand_b(lanes, j, b[j]);
  for (int i = 0; i < m; ++i) {
    float a[16][kDepth];
    Tiles::expand_a(lanes, i, a);
    for (int j = 0; j < n; ++j) multiply(lanes, i * n + j, a, b[j]);
  }
  if (Recorder* recorder = BlockRunner::mine().recorder())
    recorder->counts.tensor_core_fma += int64_t(m) * n * 16 * 8 * kDepth;
}

}  // namespace

void check_row(const void* row, const Site& where) {
  const auto* at = static_cast<const std::byte*>(row);
  const std::byte *begin = this_block->shared, *end = begin + this_block->shared_bytes;
  if (at < begin || at + 16 > end)
    report(cat("row of a matrix outside the block's ", this_block->shared_bytes,
               " bytes of shared memory"),
           where);
  if ((at - begin) % 16 != 0)
    report(cat("row of a matrix ", (at - begin) % 16, " bytes beyond a multiple of 16"), where);
}

void load_rows(MatrixLane* const (&lanes)[kWarpSize], int count, bool transposed) {
  for (int m = 0; m < count; ++m) {
    const void* rows[8];
    uint16_t matrix[8][8];
    for (int i = 0; i < 8; ++i) {
      rows[i] = lanes[m * 8 + i]->row;
      std::memcpy(matrix[i], rows[i], sizeof(matrix[i]));
    }
    if (Recorder* recorder = BlockRunner::mine().recorder()) recorder->matrix(rows);
    for (int l = 0; l < kWarpSize; ++l) {
      const int g = l / 4, t = l % 4;
      const uint32_t first = transposed ? matrix[2 * t][g] : matrix[g][2 * t];
      const uint32_t second = transposed ? matrix[2 * t + 1][g] : matrix[g][2 * t + 1];
      lanes[l]->r[m] = second << 16 | first;
    }
  }
}

void multiply_tiles(MultiplyLane* const (&lanes)[kWarpSize], Operands operands, int m, int n) {
  switch (operands) {
    case Operands::bf16: return multiply_tiles<Halves<bf16>>(lanes, m, n);
    case Operands::f16: return multiply_tiles<Halves<f16>>(lanes, m, n);
    case Operands::tf32: return multiply_tiles<Tf32>(lanes, m, n);
  }
}

}  // namespace sf::simt
