// Tiles of shared memory for gradients. Tile b lies across the reduction: one row of the product's
// columns for each of its values. Tile a lies along it, one row of the reduction for each row of
// the product (tile.h), or across it too.
#pragma once

#include "kernels/base/warp.h"
#include "kernels/conv3d/geometry.h"
#include "kernels/conv3d/tile.h"

namespace sf::SF_DEVICE_NS {

enum class Lies { along, across };

// A block's tile of kM x kN sums, the warps that share it, how many blocks of a multiprocessor
// registers leave room for, what of the reduction one stage holds, and whether float32 is
// multiplied as tf32.
template <int kM_, int kN_, int kWarpsM_, int kWarpsN_, int kBlocks_, int kSliceBytes_ = 64,
          bool kTf32_ = false>
struct GradientShape {
  static constexpr int kM = kM_, kN = kN_, kWarpsM = kWarpsM_, kWarpsN = kWarpsN_;
  static constexpr int kWarpM = kM / kWarpsM, kWarpN = kN / kWarpsN;
  static constexpr int kThreads = kWarpsM * kWarpsN * kWarpSize;
  static constexpr int kBlocks = kBlocks_, kSliceBytes = kSliceBytes_, kStages = 3;
  static constexpr bool kTf32 = kTf32_;

  // Where this thread's warp is in the tile.
  SF_DEVICE static int warp_m() { return int(threadIdx.x) / kWarpSize / kWarpsN * kWarpM; }
  SF_DEVICE static int warp_n() { return int(threadIdx.x) / kWarpSize % kWarpsN * kWarpN; }
};

// The layout of one stage.
template <class T, class Shape, Lies kA>
struct GradientStage {
  static constexpr int kSlice = Shape::kSliceBytes / int(sizeof(T));
  static constexpr int kRowsA = kA == Lies::along ? Shape::kM : kSlice;
  static constexpr int kRowBytesA =
      kA == Lies::along ? Shape::kSliceBytes : Shape::kM * int(sizeof(T));
  static constexpr int kRowBytesB = Shape::kN * int(sizeof(T));
  static constexpr int kB = kRowsA * kRowBytesA, kBytes = kB + kSlice * kRowBytesB;
};

// Where a chunk of a tile across the reduction lies. For tf32, eight lanes read chunks c and c + 4
// of four neighbouring rows; with the rows' last two bits alone they lie in different banks.
template <int kRowBytes, bool kTf32>
SF_DEVICE int across_offset(int row, int chunk) {
  if constexpr (kTf32) return row * kRowBytes + (chunk ^ row % 4) * 16;
  return chunk_offset<kRowBytes>(row, chunk);
}

// Copies a tile of kRows rows, kWidth values at a time: those at from(row, column), zeros where
// that is null. `any` is an address that may be read. All threads take part. kTf32: of a tile
// across the reduction, for tf32.
template <int kWidth, int kThreads, int kRows, int kRowBytes, bool kTf32, class T, class From>
SF_DEVICE void copy_tile(std::byte* tile, const T* any, const From& from) {
  constexpr int kBytes = kWidth * int(sizeof(T)), kInRow = kRowBytes / kBytes;
#pragma unroll(kBytes == 16 ? 16 : 1)
  for (int i = 0; i < ceil_div(kRows * kInRow, kThreads); ++i) {
    const int copy = int(threadIdx.x) + i * kThreads;
    if (kRows * kInRow % kThreads != 0 && copy >= kRows * kInRow) break;
    const int row = copy / kInRow, byte = copy % kInRow * kBytes;
    const T* value = from(row, byte / int(sizeof(T)));
    std::byte* to = tile + across_offset<kRowBytes, kTf32>(row, byte / 16) + byte % 16;
    if constexpr (kBytes >= 4)
      async_copy<kBytes>(to, value ? value : any, value != nullptr);
    else
      store(reinterpret_cast<T*>(to), value ? load<kWidth>(value) : Vec<T, kWidth>{});
  }
}

constexpr int kAnyNumber = 1 << 30;

// What the kernels count in an int: pixels, with what windows reach beyond, and weights.
inline bool gemm_sizes_fit(const Conv3dProblem& p) {
  const auto fits = [](int64_t count) { return count < int64_t{1} << 30; };
  return ConvGeometry::fits(p) && fits(p.out_pixels()) && fits(int64_t{p.n} * p.t * p.h * p.w) &&
         fits(int64_t{p.k} * p.kt * p.kh * p.kw * p.c) && p.groups <= 65535;
}

}  // namespace sf::SF_DEVICE_NS
