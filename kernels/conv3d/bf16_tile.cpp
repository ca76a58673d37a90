#include "kernels/conv3d/bf16_tile.h"

#include <cstring>
#include <utility>

#include "kernels/base/machine.h"

// Highway 1.0 has no such product, so this one file names the instruction itself (in assembly:
// Clang 16 crashes on loops with the intrinsic).
#if defined(__x86_64__)
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12: of its own undefined vectors
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#define SF_BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define SF_BF16_INLINE inline __attribute__((always_inline)) SF_BF16_TARGET

namespace sf {
namespace {

// f(sum, row, n) for all sums of a tile.
template <int kRows, int kVectors, class F>
SF_BF16_INLINE void for_sums(__m512 (&sum)[kRows][kVectors], const F& f) {
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 2
    for (int n = 0; n < kVectors; ++n) f(sum[m][n], m, n);
}

// Of vector n, which may be filled up.
SF_BF16_INLINE __mmask16 mask(int columns, int n) { return columns - 16 * n >= 16 ? 0xFFFF : 0xFF; }

template <int kRows, int kVectors>
SF_BF16_INLINE void put(__m512 (&sum)[kRows][kVectors], int columns, const Bf16TileSums& to) {
  for_sums(sum, [&](__m512& s, int m, int n) SF_BF16_TARGET {
    _mm512_mask_storeu_ps(to.y + m * to.pitch + 16 * n, mask(columns, n), s);
  });
}

template <int kRows, int kVectors>
SF_BF16_INLINE void put(__m512 (&sum)[kRows][kVectors], int columns, const Bf16TileOutput& to) {
  if (to.bias)
    for_sums(sum, [&](__m512& s, int, int n) SF_BF16_TARGET {
      s = _mm512_add_ps(s, _mm512_maskz_loadu_ps(mask(columns, n), to.bias + 16 * n));
    });
  if (to.residual)
    for_sums(sum, [&](__m512& s, int m, int n) SF_BF16_TARGET {
      const __m256i half =
          _mm256_maskz_loadu_epi16(mask(columns, n), to.residual + m * to.residual_pitch + 16 * n);
      const __m512i whole = _mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
      s = _mm512_add_ps(s, _mm512_castsi512_ps(whole));
    });
  if (to.relu)
    for_sums(sum,
             [](__m512& s, int, int) SF_BF16_TARGET { s = _mm512_max_ps(s, _mm512_setzero_ps()); });
  for_sums(sum, [&](__m512& s, int m, int n) SF_BF16_TARGET {
    __m256i half;
    asm("vcvtneps2bf16 %1, %0" : "=v"(half) : "v"(s));
    _mm256_mask_storeu_epi16(to.y + m * to.y_pitch + 16 * n, mask(columns, n), half);
  });
}

template <int kRows, int kVectors, class To>
SF_BF16_TARGET void multiply(int columns, const bf16* a, int64_t a_pitch, const bf16* panel,
                             int64_t pairs, const To& to) {
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 2
    for (int n = 0; n < kVectors; ++n) sum[m][n] = _mm512_setzero_ps();
  // Three rows a pointer, as in panel_product-inl.h.
  const bf16* at[(kRows + 2) / 3];
#pragma GCC unroll 8
  for (int i = 0; i < (kRows + 2) / 3; ++i) at[i] = a + 3 * i * a_pitch;
#pragma GCC unroll 4
  for (int64_t pair = 0; pair < pairs; ++pair) {
    __m512i values[kVectors];
#pragma GCC unroll 2
    for (int n = 0; n < kVectors; ++n) values[n] = _mm512_loadu_si512(panel + 32 * n);
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) {
      int both;
      std::memcpy(&both, at[m / 3] + m % 3 * a_pitch, sizeof(both));
      const __m512i factor = _mm512_set1_epi32(both);
#pragma GCC unroll 2
      for (int n = 0; n < kVectors; ++n)
        asm("vdpbf16ps %2, %1, %0" : "+v"(sum[m][n]) : "v"(factor), "v"(values[n]));
    }
    panel += 32 * kVectors;
#pragma GCC unroll 8
    for (int i = 0; i < (kRows + 2) / 3; ++i) at[i] += 2;
  }
  put(sum, columns, to);
}

template <class To>
using Multiply = decltype(&multiply<1, 1, To>);

template <class To, int... kLess>
constexpr auto tiles(std::integer_sequence<int, kLess...>) {
  struct Tiles {
    Multiply<To> by_vectors[2][kBf16TileRows];
  };
  return Tiles{{{multiply<kLess + 1, 1, To>...}, {multiply<kLess + 1, 2, To>...}}};
}

template <class To>
void multiply_tile(int rows, int columns, const bf16* a, int64_t a_pitch, const bf16* panel,
                   int64_t pairs, const To& to) {
  static constexpr auto kTiles = tiles<To>(std::make_integer_sequence<int, kBf16TileRows>());
  kTiles.by_vectors[columns > 16][rows - 1](columns, a, a_pitch, panel, pairs, to);
}

}  // namespace

bool has_bf16_tile() { return has_bf16_products(); }

void multiply_bf16_tile(int rows, int columns, const bf16* a, int64_t a_pitch, const bf16* panel,
                        int64_t pairs, const Bf16TileSums& to) {
  multiply_tile(rows, columns, a, a_pitch, panel, pairs, to);
}
void multiply_bf16_tile(int rows, int columns, const bf16* a, int64_t a_pitch, const bf16* panel,
                        int64_t pairs, const Bf16TileOutput& to) {
  multiply_tile(rows, columns, a, a_pitch, panel, pairs, to);
}

}  // namespace sf

#else

namespace sf {

bool has_bf16_tile() { return false; }
void multiply_bf16_tile(int, int, const bf16*, int64_t, const bf16*, int64_t, const Bf16TileSums&) {
}
void multiply_bf16_tile(int, int, const bf16*, int64_t, const bf16*, int64_t,
                        const Bf16TileOutput&) {}

}  // namespace sf
#endif
