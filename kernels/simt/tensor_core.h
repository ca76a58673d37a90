// The host's bodies of kernels/base/tensor_core.h, which has the contracts.
#pragma once

#include <cstdint>

#include "kernels/simt/thread.h"

namespace sf::simt {

struct MatrixLane {
  const void* row;
  uint32_t* r;
};
void check_row(const void* row, const Site& where);
// What all lanes brought, combined; `count` matrices.
void load_rows(MatrixLane* const (&lanes)[kWarpSize], int count, bool transposed);

constexpr int kMostTiles = 16;  // in a row

// m rows by n columns of tiles: d[m][n][4], a[m][4], b[n][2].
struct MultiplyLane {
  float* d;
  const uint32_t *a, *b;
};
enum class Operands : uint8_t { bf16, f16, tf32 };
void multiply_tiles(MultiplyLane* const (&lanes)[kWarpSize], Operands operands, int m, int n);

// Inline, as every return behind a switch of fibers is mispredicted.
inline void load_rows(uint32_t* r, int count, bool transposed, const void* row, const Site& where) {
  if (this_thread->lane < 8 * count) check_row(row, where);
  MatrixLane lane{row, r};
  warp_collective("load_matrices", lane, where, [&](MatrixLane* const(&lanes)[kWarpSize]) {
    load_rows(lanes, count, transposed);
  });
}

inline void multiply_tiles(Operands operands, float* d, const uint32_t* a, const uint32_t* b, int m,
                           int n, const Site& where) {
  MultiplyLane lane{d, a, b};
  warp_collective("mma", lane, where, [&](MultiplyLane* const(&lanes)[kWarpSize]) {
    multiply_tiles(lanes, operands, m, n);
  });
}

}  // namespace sf::simt
