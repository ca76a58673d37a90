#include "kernels/simt/tensor_core.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/error.h"
#include "kernels/base/half.h"
#include "kernels/simt/block_runner.h"

namespace sf::simt {
namespace {

struct MatrixLane {
  const void* row;
  uint32_t* r;
};

struct MultiplyLane {
  float* d;
  const uint32_t *a, *b;
};

void check_row(const std::byte* row, const Site& where) {
  const std::byte *begin = this_block->shared, *end = begin + this_block->shared_bytes;
  if (row < begin || row + 16 > end)
    report(cat("row of a matrix outside the block's ", this_block->shared_bytes,
               " bytes of shared memory"),
           where);
  if ((row - begin) % 16 != 0)
    report(cat("row of a matrix ", (row - begin) % 16, " bytes beyond a multiple of 16"), where);
}

// Without branches, unlike f16's own conversion, so that compilers make vectors of it.
float to_float(f16 half) {
  const uint32_t magnitude = uint32_t(half.bits & 0x7FFF) << 13;
  const uint32_t finite = bits_of(float_of(magnitude) * 0x1p112F);
  const uint32_t bits = magnitude >= 0x0F800000 ? magnitude | 0x7F800000 : finite;
  return float_of(bits | uint32_t(half.bits & 0x8000) << 16);
}
float to_float(bf16 half) { return half; }

// d += a b; every product in the order of k, as the reference adds. Counts them.
template <int kDepth>
void multiply(MultiplyLane* const (&lanes)[kWarpSize], const float (&a)[16][kDepth],
              const float (&b)[kDepth][8]) {
  float d[16][8];
  for (int l = 0; l < kWarpSize; ++l)
    for (int i = 0; i < 4; ++i) d[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2] = lanes[l]->d[i];
  for (int m = 0; m < 16; ++m) {
    float row[8];
    std::copy_n(d[m], 8, row);
    for (int k = 0; k < kDepth; ++k)
      for (int n = 0; n < 8; ++n) row[n] += a[m][k] * b[k][n];
    std::copy_n(row, 8, d[m]);
  }
  if (Recorder* recorder = BlockRunner::mine().recorder())
    recorder->counts.tensor_core_fma += 16 * 8 * kDepth;
  for (int l = 0; l < kWarpSize; ++l)
    for (int i = 0; i < 4; ++i) lanes[l]->d[i] = d[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2];
}

template <class T>
void multiply_halves(MultiplyLane* const (&lanes)[kWarpSize]) {
  uint32_t a_words[16][8], b_words[8][8];  // rows of a, columns of b
  for (int l = 0; l < kWarpSize; ++l) {
    const int g = l / 4, t = l % 4;
    for (int j = 0; j < 4; ++j) a_words[g + j % 2 * 8][t + j / 2 * 4] = lanes[l]->a[j];
    for (int j = 0; j < 2; ++j) b_words[g][t + j * 4] = lanes[l]->b[j];
  }
  T a_halves[16][16], b_halves[8][16];
  std::memcpy(a_halves, a_words, sizeof(a_words));
  std::memcpy(b_halves, b_words, sizeof(b_words));
  float a[16][16], b[16][8];
  for (int m = 0; m < 16; ++m)
    for (int k = 0; k < 16; ++k) a[m][k] = to_float(a_halves[m][k]);
  for (int n = 0; n < 8; ++n)
    for (int k = 0; k < 16; ++k) b[k][n] = to_float(b_halves[n][k]);
  multiply(lanes, a, b);
}

float tf32_of(uint32_t bits) { return float_of(bits & ~uint32_t{0x1FFF}); }

}  // namespace

void load_matrix_rows(uint32_t* r, int count, bool transposed, const void* row, const Site& where) {
  const auto* address = static_cast<const std::byte*>(row);
  if (this_thread->lane < 8 * count) check_row(address, where);
  MatrixLane lane{address, r};
  warp_collective("load_matrices", lane, where, [&](MatrixLane* const(&lanes)[kWarpSize]) {
    for (int m = 0; m < count; ++m) {
      const void* rows[8];
      for (int i = 0; i < 8; ++i) rows[i] = lanes[m * 8 + i]->row;
      if (Recorder* recorder = BlockRunner::mine().recorder()) recorder->matrix(rows);
      uint16_t matrix[8][8];
      for (int i = 0; i < 8; ++i) std::memcpy(matrix[i], rows[i], sizeof(matrix[i]));
      for (int l = 0; l < kWarpSize; ++l) {
        const int g = l / 4, t = l % 4;
        const uint32_t first = transposed ? matrix[2 * t][g] : matrix[g][2 * t];
        const uint32_t second = transposed ? matrix[2 * t + 1][g] : matrix[g][2 * t + 1];
        lanes[l]->r[m] = second << 16 | first;
      }
    }
  });
}

void multiply_bf16(float* d, const uint32_t* a, const uint32_t* b, const Site& where) {
  MultiplyLane lane{d, a, b};
  warp_collective("mma", lane, where, multiply_halves<bf16>);
}

void multiply_f16(float* d, const uint32_t* a, const uint32_t* b, const Site& where) {
  MultiplyLane lane{d, a, b};
  warp_collective("mma", lane, where, multiply_halves<f16>);
}

void multiply_tf32(float* d, const uint32_t* a, const uint32_t* b, const Site& where) {
  MultiplyLane lane{d, a, b};
  warp_collective("mma_tf32", lane, where, [](MultiplyLane* const(&lanes)[kWarpSize]) {
    float x[16][8], y[8][8];
    for (int l = 0; l < kWarpSize; ++l) {
      const int g = l / 4, t = l % 4;
      for (int j = 0; j < 4; ++j) x[g + j % 2 * 8][t + j / 2 * 4] = tf32_of(lanes[l]->a[j]);
      for (int j = 0; j < 2; ++j) y[t + j * 4][g] = tf32_of(lanes[l]->b[j]);
    }
    multiply(lanes, x, y);
  });
}

}  // namespace sf::simt
