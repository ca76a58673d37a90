// Tensor cores: loading and multiplying tiles that a warp holds together. Every lane takes part.
// With g = lane / 4 and t = lane % 4, a lane holds of a tile of 16-bit values
//   a (16x16, row-major)     a[0]: row g, columns 2t, 2t + 1; a[1]: row g + 8; a[2], a[3]: columns
//   + 8 b (16x8, column-major)   b[0]: rows 2t, 2t + 1 of column g; b[1]: rows + 8 d (16x8, f32)
//   d[0], d[1]: row g, columns 2t, 2t + 1; d[2], d[3]: row g + 8
// and of 32-bit values (tf32) a (16x8) a[0]: row g, column t; a[1]: row g + 8; a[2], a[3]: column +
// 4; b (8x8) b[0]: row t of column g; b[1]: row t + 4. The lower 16 bits of a word come first.
#pragma once

#include "kernels/base/device.h"

#if !defined(__CUDACC__)
#include "kernels/simt/tensor_core.h"
#endif

namespace sf::SF_DEVICE_NS {

// Loads kCount (1, 2 or 4) 8x8 matrices of 16-bit values from shared memory. Lane l gives the
// address, aligned to 16 bytes, of row l % 8 of matrix l / 8 (lanes past 8 kCount: of any row); it
// gets values 2t and 2t + 1 of row g of matrix i in r[i]; transposed, of column g.
template <bool kTransposed = false, int kCount>
SF_DEVICE void load_matrices(uint32_t (&r)[kCount], const void* row,
                             [[maybe_unused]] Site site SF_HERE) {
  static_assert(kCount == 1 || kCount == 2 || kCount == 4);
#if defined(__CUDA_ARCH__)
  const auto from = uint32_t(__cvta_generic_to_shared(row));
  if constexpr (kCount == 4 && kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
  else if constexpr (kCount == 4)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
  else if constexpr (kCount == 2 && kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(from)
                 : "memory");
  else if constexpr (kCount == 2)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(from)
                 : "memory");
  else if constexpr (kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                 : "=r"(r[0])
                 : "r"(from)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                 : "=r"(r[0])
                 : "r"(from)
                 : "memory");
#elif !defined(__CUDACC__)
  load_rows(r, kCount, kTransposed, row, site);
#endif
}

// d += a b for one 16x8x16 tile of T: bf16 or f16.
template <class T>
SF_DEVICE void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                   [[maybe_unused]] Site site SF_HERE) {
  static_assert(std::is_same_v<T, bf16> || std::is_same_v<T, f16>);
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, bf16>)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#elif !defined(__CUDACC__)
  constexpr auto kOperands = std::is_same_v<T, bf16> ? Operands::bf16 : Operands::f16;
  multiply_tiles(kOperands, d, a, b, 1, 1, site);
#endif
}

// A float32 rounded to the 10 bits of mantissa that mma_tf32 reads, ties away from zero.
SF_DEVICE uint32_t to_tf32(float value) {
#if defined(__CUDA_ARCH__)
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
#else
  const uint32_t bits = bits_of(value);
  const bool finite = (bits & 0x7F800000) != 0x7F800000;
  return (finite ? bits + 0x1000 : bits) & ~uint32_t{0x1FFF};
#endif
}

// d += a b for one 16x8x8 tile of float32 bits, of which the last 13 are not read.
SF_DEVICE void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                        [[maybe_unused]] Site site SF_HERE) {
#if defined(__CUDA_ARCH__)
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#elif !defined(__CUDACC__)
  multiply_tiles(Operands::tf32, d, a, b, 1, 1, site);
#endif
}

// d[i][j] += a[i] b[j]: a warp's block of tiles. The host does it in one go, so prefer it to mma in
// a loop.
template <class T, int kRows, int kColumns>
SF_DEVICE void mma_block(float (&d)[kRows][kColumns][4], const uint32_t (&a)[kRows][4],
                         const uint32_t (&b)[kColumns][2], [[maybe_unused]] Site site SF_HERE) {
#if defined(__CUDACC__)
#pragma unroll
  for (int i = 0; i < kRows; ++i)
#pragma unroll
    for (int j = 0; j < kColumns; ++j) mma<T>(d[i][j], a[i], b[j]);
#else
  static_assert(std::is_same_v<T, bf16> || std::is_same_v<T, f16>);
  static_assert(kColumns <= kMostTiles);
  constexpr auto kOperands = std::is_same_v<T, bf16> ? Operands::bf16 : Operands::f16;
  multiply_tiles(kOperands, &d[0][0][0], &a[0][0], &b[0][0], kRows, kColumns, site);
#endif
}
template <int kRows, int kColumns>
SF_DEVICE void mma_block_tf32(float (&d)[kRows][kColumns][4], const uint32_t (&a)[kRows][4],
                              const uint32_t (&b)[kColumns][2],
                              [[maybe_unused]] Site site SF_HERE) {
#if defined(__CUDACC__)
#pragma unroll
  for (int i = 0; i < kRows; ++i)
#pragma unroll
    for (int j = 0; j < kColumns; ++j) mma_tf32(d[i][j], a[i], b[j]);
#else
  static_assert(kColumns <= kMostTiles);
  multiply_tiles(Operands::tf32, &d[0][0][0], &a[0][0], &b[0][0], kRows, kColumns, site);
#endif
}

}  // namespace sf::SF_DEVICE_NS
