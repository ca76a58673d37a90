#include "kernels/conv3d/bf16_tile.h"

#include <cstring>
#include <utility>

#include "kernels/base/machine.h"

// Highway 1.0 has no such product, so this one file names the instruction itself (in assembly:
// Clang 16 crashes on loops with the intrinsic).
#if defined(__x86_64__)
#include <immintrin.h>
#define SF_BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

namespace sf {
namespace {

template <int kRows, int kVectors>
SF_BF16_TARGET void multiply(const bf16* a, int64_t a_pitch, const bf16* panel, int64_t pairs,
                             float (*sums)[kBf16TileColumns]) {
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
    __m512i columns[kVectors];
#pragma GCC unroll 2
    for (int n = 0; n < kVectors; ++n) columns[n] = _mm512_loadu_si512(panel + 32 * n);
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) {
      int both;
      std::memcpy(&both, at[m / 3] + m % 3 * a_pitch, sizeof(both));
      const __m512i factor = _mm512_set1_epi32(both);
#pragma GCC unroll 2
      for (int n = 0; n < kVectors; ++n)
        asm("vdpbf16ps %2, %1, %0" : "+v"(sum[m][n]) : "v"(factor), "v"(columns[n]));
    }
    panel += 32 * kVectors;
#pragma GCC unroll 8
    for (int i = 0; i < (kRows + 2) / 3; ++i) at[i] += 2;
  }
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 2
    for (int n = 0; n < kVectors; ++n) _mm512_storeu_ps(sums[m] + 16 * n, sum[m][n]);
}

using Multiply = decltype(&multiply<1, 1>);

template <int... kLess>
constexpr auto tiles(std::integer_sequence<int, kLess...>) {
  struct Tiles {
    Multiply by_vectors[2][kBf16TileRows];
  };
  return Tiles{{{multiply<kLess + 1, 1>...}, {multiply<kLess + 1, 2>...}}};
}

}  // namespace

bool has_bf16_tile() { return has_bf16_products(); }

void multiply_bf16_tile(int rows, int vectors, const bf16* a, int64_t a_pitch, const bf16* panel,
                        int64_t pairs, float (*sums)[kBf16TileColumns]) {
  static constexpr auto kTiles = tiles(std::make_integer_sequence<int, kBf16TileRows>());
  kTiles.by_vectors[vectors - 1][rows - 1](a, a_pitch, panel, pairs, sums);
}

}  // namespace sf

#else

namespace sf {

bool has_bf16_tile() { return false; }
void multiply_bf16_tile(int, int, const bf16*, int64_t, const bf16*, int64_t,
                        float (*)[kBf16TileColumns]) {}

}  // namespace sf
#endif
