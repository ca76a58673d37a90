#include "kernels/simt/tensor_core.h"

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

uint16_t half_at(const void* row, int i) { return static_cast<const uint16_t*>(row)[i]; }

void check_row(const std::byte* row, const Site& where) {
  const std::byte *begin = this_block->shared, *end = begin + this_block->shared_bytes;
  if (row < begin || row + 16 > end)
    report(cat("row of a matrix outside the block's ", this_block->shared_bytes,
               " bytes of shared memory"),
           where);
  if ((row - begin) % 16 != 0)
    report(cat("row of a matrix ", (row - begin) % 16, " bytes beyond a multiple of 16"), where);
}

template <class T>
float half_of(uint32_t word, int i) {
  T half;
  half.bits = uint16_t(word >> 16 * i);
  return float(half);
}

// d += a b; every product in the order of k, as the reference adds. Counts them.
template <int kDepth>
void multiply(MultiplyLane* const (&lanes)[kWarpSize], const float (&a)[16][kDepth],
              const float (&b)[kDepth][8]) {
  float d[16][8];
  for (int l = 0; l < kWarpSize; ++l)
    for (int i = 0; i < 4; ++i) d[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2] = lanes[l]->d[i];
  for (int m = 0; m < 16; ++m)
    for (int k = 0; k < kDepth; ++k)
      for (int n = 0; n < 8; ++n) d[m][n] += a[m][k] * b[k][n];
  if (Recorder* recorder = BlockRunner::mine().recorder())
    recorder->counts.tensor_core_fma += 16 * 8 * kDepth;
  for (int l = 0; l < kWarpSize; ++l)
    for (int i = 0; i < 4; ++i) lanes[l]->d[i] = d[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2];
}

template <class T>
void multiply_halves(MultiplyLane* const (&lanes)[kWarpSize]) {
  float a[16][16], b[16][8];
  for (int l = 0; l < kWarpSize; ++l) {
    const int g = l / 4, t = l % 4;
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 4; ++j)
        a[g + j % 2 * 8][2 * t + j / 2 * 8 + i] = half_of<T>(lanes[l]->a[j], i);
      for (int j = 0; j < 2; ++j) b[2 * t + j * 8 + i][g] = half_of<T>(lanes[l]->b[j], i);
    }
  }
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
      for (int l = 0; l < kWarpSize; ++l) {
        const int g = l / 4, t = l % 4;
        const uint32_t first = transposed ? half_at(rows[2 * t], g) : half_at(rows[g], 2 * t);
        const uint32_t second =
            transposed ? half_at(rows[2 * t + 1], g) : half_at(rows[g], 2 * t + 1);
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
