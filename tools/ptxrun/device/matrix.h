// ldmatrix, stmatrix, mma.sync and wmma. Sums are exact products added in double and rounded once
// an instruction, so the last bits of float results differ from hardware's.
#pragma once

#include "device/memory.h"

namespace ptxrun {

enum Element { kF16, kBF16, kTF32, kS8, kU8, kF32, kS32 };
constexpr u32 kElementSize[] = {2, 2, 4, 1, 1, 4, 4};

// The element at place j of a register.
PTXRUN_INLINE f32 element_of(Element type, u32 reg, int j) {
  switch (type) {
    case kF16: return (f32)to_f16((u16)(reg >> (16 * j)));
    case kBF16: return bf16_to_f32((u16)(reg >> (16 * j)));
    case kTF32: return to_f32(reg & 0xffffe000u);
    case kS8: return (f32)(s8)(reg >> (8 * j));
    default: return (f32)(u8)(reg >> (8 * j));
  }
}

// Accumulator j of a lane whose registers hold kF32, kS32 or packed kF16.
PTXRUN_INLINE f64 accumulator(Element type, u32* const* c, int j, int lane) {
  if (type == kF32) return (f64)to_f32(c[j][lane]);
  if (type == kS32) return (f64)(s32)c[j][lane];
  return (f64)to_f16((u16)(c[j >> 1][lane] >> (16 * (j & 1))));
}
// Sets it in a register that was zero.
PTXRUN_INLINE void set_accumulator(Element type, u32 (*d)[32], int j, int lane, f64 value) {
  if (type == kF32)
    d[j][lane] = f32_bits((f32)value);
  else if (type == kS32)
    d[j][lane] = (u32)(s64)value;
  else
    d[j >> 1][lane] |= (u32)f16_bits((f16)value) << (16 * (j & 1));
}

// Lane l holds two elements of row l/4, from column l%4*2.
PTXRUN_OUTLINE void load_matrices(Warp* w, u32 m, int count, bool transposed, const u32* address,
                                  u32 offset, u32* const* d, int line) {
  require_whole_warp(w, m, line, "ldmatrix with inactive lanes");
  u32 out[4][32];  // d may hold the addresses
  for (int i = 0; i < count; ++i) {
    u16 rows[8][8];
    for (int r = 0; r < 8; ++r)
      memcpy(rows[r], shared_at(w, i * 8 + r, line, address[i * 8 + r] + offset, 16, false), 16);
    for (int l = 0; l < 32; ++l) {
      const int r = l >> 2, c = (l & 3) * 2;
      out[i][l] = transposed ? rows[c][r] | (u32)rows[c + 1][r] << 16
                             : rows[r][c] | (u32)rows[r][c + 1] << 16;
    }
  }
  for (int i = 0; i < count; ++i) memcpy(d[i], out[i], sizeof out[i]);
}

PTXRUN_OUTLINE void store_matrices(Warp* w, u32 m, int count, bool transposed, const u32* address,
                                   u32 offset, u32* const* d, int line) {
  require_whole_warp(w, m, line, "stmatrix with inactive lanes");
  for (int i = 0; i < count; ++i) {
    u16 rows[8][8];
    for (int l = 0; l < 32; ++l) {
      const int r = l >> 2, c = (l & 3) * 2;
      (transposed ? rows[c][r] : rows[r][c]) = (u16)d[i][l];
      (transposed ? rows[c + 1][r] : rows[r][c + 1]) = (u16)(d[i][l] >> 16);
    }
    for (int r = 0; r < 8; ++r)
      memcpy(shared_at(w, i * 8 + r, line, address[i * 8 + r] + offset, 16, true), rows[r], 16);
  }
}

// Spreads the registers of a 16 x depth operand A: a register pair holds 4 * packed columns.
template <class Rows>
PTXRUN_INLINE void spread_rows(Element type, int depth, const u32* const* a, Rows& rows) {
  const int packed = 4 / kElementSize[type], span = 4 * packed;
  for (int l = 0; l < 32; ++l)
    for (int half = 0; half < depth / span; ++half)
      for (int j = 0; j < packed; ++j) {
        const int k = half * span + (l & 3) * packed + j;
        rows[l >> 2][k] = element_of(type, a[half * 2][l], j);
        rows[(l >> 2) + 8][k] = element_of(type, a[half * 2 + 1][l], j);
      }
}

// mma.sync m16n8k(depth), row by column. Accumulator j of lane l is at row l/4 (+8 for j > 1),
// column l%4*2 (+1 for odd j).
PTXRUN_OUTLINE void matrix_multiply(Warp* w, u32 m, int depth, Element a_type, Element b_type,
                                    Element c_type, u32* const* a, u32* const* b, u32* const* c,
                                    u32* const* d, int line) {
  require_whole_warp(w, m, line, "mma.sync with inactive lanes");
  f64 rows[16][32], columns[32][8], sum[16][8];
  spread_rows(a_type, depth, a, rows);
  const int packed = 4 / kElementSize[b_type], span = 4 * packed;
  for (int l = 0; l < 32; ++l) {
    for (int half = 0; half < depth / span; ++half)
      for (int j = 0; j < packed; ++j)
        columns[half * span + (l & 3) * packed + j][l >> 2] = element_of(b_type, b[half][l], j);
    for (int j = 0; j < 4; ++j)
      sum[(l >> 2) + (j >> 1) * 8][(l & 3) * 2 + (j & 1)] = accumulator(c_type, c, j, l);
  }
  for (int row = 0; row < 16; ++row)  // exact for integers: all sums are below 2^53
    for (int k = 0; k < depth; ++k)
      for (int n = 0; n < 8; ++n) sum[row][n] += rows[row][k] * columns[k][n];
  u32 out[4][32] = {};
  for (int l = 0; l < 32; ++l)
    for (int j = 0; j < 4; ++j)
      set_accumulator(c_type, out, j, l, sum[(l >> 2) + (j >> 1) * 8][(l & 3) * 2 + (j & 1)]);
  for (int i = 0; i < (c_type == kF16 ? 2 : 4); ++i) memcpy(d[i], out[i], sizeof out[i]);
}

// wmma fragments are opaque; here lane l holds elements l*E to l*E + E-1 of the matrix, row-major.
struct WmmaMatrix {
  int rows, columns;
  bool column_major;
  Element type;
  bool shared;
  u64 address;
  u32 stride;
};

// Calls f(host pointer, register, shift) for each element of each lane.
template <class F>
static void for_each_wmma_element(Warp* w, const WmmaMatrix& x, bool is_store, int line, F f) {
  const int size = kElementSize[x.type], packed = 4 / size, per_lane = x.rows * x.columns / 32;
  for (int l = 0; l < 32; ++l)
    for (int i = 0; i < per_lane; ++i) {
      const u64 r = (l * per_lane + i) / x.columns, c = (l * per_lane + i) % x.columns;
      const u64 at = x.address + (x.column_major ? c * x.stride + r : r * x.stride + c) * size;
      char* p = x.shared ? shared_at(w, l, line, (u32)at, size, is_store)
                         : global_at(w, l, line, at, size, is_store);
      f(p, l, i / packed, 8 * size * (i % packed));
    }
}

PTXRUN_OUTLINE void wmma_load(Warp* w, u32 m, const WmmaMatrix& x, int registers, u32* const* d,
                              int line) {
  require_whole_warp(w, m, line, "wmma with inactive lanes");
  const int size = kElementSize[x.type];
  u32 out[16][32] = {};
  for_each_wmma_element(w, x, false, line, [&](const char* p, int lane, int reg, int shift) {
    u32 value = 0;
    memcpy(&value, p, size);
    out[reg][lane] |= value << shift;
  });
  const int used = x.rows * x.columns / 32 * size / 4;  // further registers repeat these
  for (int i = 0; i < registers; ++i) memcpy(d[i], out[i % used], sizeof out[0]);
}

PTXRUN_OUTLINE void wmma_store(Warp* w, u32 m, const WmmaMatrix& x, int, u32* const* d, int line) {
  require_whole_warp(w, m, line, "wmma with inactive lanes");
  const int size = kElementSize[x.type];
  for_each_wmma_element(w, x, true, line, [&](char* p, int lane, int reg, int shift) {
    const u32 value = d[reg][lane] >> shift;
    memcpy(p, &value, size);
  });
}

PTXRUN_OUTLINE void wmma_multiply(Warp* w, u32 m, int rows, int columns, int depth, Element a_type,
                                  Element c_type, Element d_type, u32* const* a, u32* const* b,
                                  u32* const* c, u32* const* d, int line) {
  require_whole_warp(w, m, line, "wmma with inactive lanes");
  std::vector<f32> x(rows * depth), y(depth * columns);
  const int packed = 4 / kElementSize[a_type];
  auto spread = [&](std::vector<f32>& matrix, u32* const* registers) {
    const int per_lane = (int)matrix.size() / 32;
    for (int l = 0; l < 32; ++l)
      for (int i = 0; i < per_lane; ++i)
        matrix[l * per_lane + i] = element_of(a_type, registers[i / packed][l], i % packed);
  };
  spread(x, a);
  spread(y, b);
  const int per_lane = rows * columns / 32;
  u32 out[8][32] = {};
  for (int l = 0; l < 32; ++l)
    for (int i = 0; i < per_lane; ++i) {
      const int row = (l * per_lane + i) / columns, column = (l * per_lane + i) % columns;
      f64 sum = accumulator(c_type, c, i, l);
      for (int k = 0; k < depth; ++k) sum += (f64)x[row * depth + k] * (f64)y[k * columns + column];
      set_accumulator(d_type, out, i, l, sum);
    }
  for (int i = 0; i < (d_type == kF16 ? per_lane / 2 : per_lane); ++i)
    memcpy(d[i], out[i], sizeof out[0]);
}

}  // namespace ptxrun
