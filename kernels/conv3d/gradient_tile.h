// Warps' tiles for gradients. Tile b lies in shared memory across the reduction: one row of the
// product's columns for each of its values. Tile a lies along it, one row of the reduction for each
// row of the product (tile.h), or across it too.
#pragma once

#include "kernels/base/warp.h"
#include "kernels/conv3d/conv3d.h"
#include "kernels/conv3d/tile.h"

namespace sf::SF_DEVICE_NS {

enum class Lies { along, across };

// A block's tile of kM x kN sums, the warps that share it, how many blocks of a multiprocessor
// registers leave room for, and what of the reduction one stage holds.
template <int kM_, int kN_, int kWarpsM_, int kWarpsN_, int kBlocks_, int kSliceBytes_ = 64>
struct GradientShape {
  static constexpr int kM = kM_, kN = kN_, kWarpsM = kWarpsM_, kWarpsN = kWarpsN_;
  static constexpr int kWarpM = kM / kWarpsM, kWarpN = kN / kWarpsN;
  static constexpr int kThreads = kWarpsM * kWarpsN * kWarpSize;
  static constexpr int kBlocks = kBlocks_, kSliceBytes = kSliceBytes_, kStages = 3;
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

// Copies a tile of kRows rows, kWidth values at a time: those at from(row, column), zeros where
// that is null. `any` is an address that may be read. All threads take part.
template <int kWidth, int kThreads, int kRows, int kRowBytes, class T, class From>
SF_DEVICE void copy_tile(std::byte* tile, const T* any, const From& from) {
  constexpr int kBytes = kWidth * int(sizeof(T)), kInRow = kRowBytes / kBytes;
#pragma unroll(kBytes == 16 ? 16 : 1)
  for (int i = 0; i < ceil_div(kRows * kInRow, kThreads); ++i) {
    const int copy = int(threadIdx.x) + i * kThreads;
    if (kRows * kInRow % kThreads != 0 && copy >= kRows * kInRow) break;
    const int row = copy / kInRow, byte = copy % kInRow * kBytes;
    const T* value = from(row, byte / int(sizeof(T)));
    std::byte* to = tile + chunk_offset<kRowBytes>(row, byte / 16) + byte % 16;
    if constexpr (kBytes >= 4)
      async_copy<kBytes>(to, value ? value : any, value != nullptr);
    else
      store(reinterpret_cast<T*>(to), value ? load<kWidth>(value) : Vec<T, kWidth>{});
  }
}

// A warp's sums on tensor cores; T: bf16, f16.
template <class T, class Shape, Lies kA>
class TensorGradientTile {
 public:
  SF_DEVICE TensorGradientTile(int warp_m, int warp_n) : warp_m_(warp_m), warp_n_(warp_n) {
    const int lane = lane_index();
    a_ = kA == Lies::along
             ? chunk_offset<Stage::kRowBytesA>(warp_m + lane % 16, lane / 16)
             : chunk_offset<Stage::kRowBytesA>(lane % 8 + lane / 16 * 8, warp_m / 8 + lane / 8 % 2);
    b_ = chunk_offset<Stage::kRowBytesB>(lane % 16, warp_n / 8 + lane / 16);
  }

  SF_DEVICE void multiply(const std::byte* a, const std::byte* b) {
#pragma unroll
    for (int step = 0; step < Shape::kSliceBytes; step += 32) {  // 16 values
      uint32_t column[Shape::kWarpN / 16][4];
#pragma unroll
      for (int j = 0; j < Shape::kWarpN / 16; ++j)
        load_matrices<true>(column[j], b + (b_ ^ j * 32) + step / 2 * Stage::kRowBytesB);
#pragma unroll
      for (int i = 0; i < Shape::kWarpM / 16; ++i) {
        uint32_t row[4];
        if constexpr (kA == Lies::along)
          load_matrices(row, a + (a_ ^ step) + i * 16 * Stage::kRowBytesA);
        else
          load_matrices<true>(row, a + (a_ ^ i * 32) + step / 2 * Stage::kRowBytesA);
#pragma unroll
        for (int j = 0; j < Shape::kWarpN / 8; ++j) {
          const uint32_t pair[2] = {column[j / 2][j % 2 * 2], column[j / 2][j % 2 * 2 + 1]};
          mma<T>(sums_[i][j], row, pair);
        }
      }
    }
  }

  // f(row, column, vector) for the sums, rounded to Out: float or T. Every lane calls it alike.
  template <class Out, class F>
  SF_DEVICE void for_vectors(const F& f) const {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int i = 0; i < Shape::kWarpM / 16; ++i) {
      const int row = warp_m_ + 16 * i + g;
      if constexpr (std::is_same_v<Out, float>) {
#pragma unroll
        for (int j = 0; j < Shape::kWarpN / 8; ++j)
          f(row + t % 2 * 8, warp_n_ + 8 * j + t / 2 * 4, four(sums_[i][j], t % 2));
      } else {
#pragma unroll
        for (int j = 0; j < Shape::kWarpN / 8; j += 2)
          f(row + t / 2 * 8, warp_n_ + 8 * (j + t % 2), eight(sums_[i][j], sums_[i][j + 1], t));
      }
    }
  }

 private:
  using Stage = GradientStage<T, Shape, kA>;

  // Lanes with even t take the upper row of themselves and their neighbour, odd ones the lower.
  SF_DEVICE static Vec<float, 4> four(const float (&d)[4], bool odd) {
    const float first = shuffle_xor(odd ? d[0] : d[2], 1);
    const float second = shuffle_xor(odd ? d[1] : d[3], 1);
    if (odd) return {{first, second, d[2], d[3]}};
    return {{d[0], d[1], first, second}};
  }

  SF_DEVICE static uint32_t pack(float low, float high) {
    return T(low).bits | uint32_t(T(high).bits) << 16;
  }
  // Four lanes hold four words each; lane t gets word t of all of them.
  SF_DEVICE static Vec<T, 8> eight(const float (&even)[4], const float (&odd)[4], int t) {
    uint32_t w[4] = {pack(even[0], even[1]), pack(odd[0], odd[1]), pack(even[2], even[3]),
                     pack(odd[2], odd[3])};
    exchange_words(w[0], w[1], t % 2, 1);
    exchange_words(w[2], w[3], t % 2, 1);
    exchange_words(w[0], w[2], t / 2, 2);
    exchange_words(w[1], w[3], t / 2, 2);
    Vec<T, 8> values;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      values[2 * i].bits = uint16_t(w[i]);
      values[2 * i + 1].bits = uint16_t(w[i] >> 16);
    }
    return values;
  }
  SF_DEVICE static void exchange_words(uint32_t& low, uint32_t& high, bool upper, int mask) {
    const uint32_t other = shuffle_xor(upper ? low : high, mask);
    if (upper)
      low = other;
    else
      high = other;
  }

  float sums_[Shape::kWarpM / 16][Shape::kWarpN / 8][4] = {};
  int warp_m_, warp_n_, a_, b_;
};

// A warp's sums of float32 with float32's own products and sums. Of the lanes, 4 x 8, each holds
// every fourth row, or vector of rows, and every eighth vector of columns.
template <class Shape, Lies kA>
class FmaGradientTile {
 public:
  SF_DEVICE FmaGradientTile(int warp_m, int warp_n) : warp_m_(warp_m), warp_n_(warp_n) {
    const int y = lane_index() / 8, x = lane_index() % 8;
    a_ = kA == Lies::along ? chunk_offset<Stage::kRowBytesA>(warp_m + y * 2, 0)
                           : (warp_m / 4 + y) * 16;
    b_ = (warp_n / 4 + x) * 16;
  }

  SF_DEVICE void multiply(const std::byte* a, const std::byte* b) {
#pragma unroll
    for (int k = 0; k < Stage::kSlice; k += 4) {
      Vec<float, 4> along[kRows];
      if constexpr (kA == Lies::along)
#pragma unroll
        for (int i = 0; i < kRows; ++i)
          along[i] = at(a + (a_ ^ k * 4) + (i / 2 * 8 + i % 2) * Stage::kRowBytesA);
#pragma unroll
      for (int l = 0; l < 4; ++l) {
        const int permuted = (k + l) % 8 * 16;
        Vec<float, 4> across[kRows / 4], columns[kVectors];
        if constexpr (kA == Lies::across)
#pragma unroll
          for (int i = 0; i < kRows / 4; ++i)
            across[i] = at(a + (a_ ^ permuted ^ i * 64) + (k + l) * Stage::kRowBytesA);
#pragma unroll
        for (int j = 0; j < kVectors; ++j)
          columns[j] = at(b + (b_ ^ permuted) + j * 128 + (k + l) * Stage::kRowBytesB);
#pragma unroll
        for (int i = 0; i < kRows; ++i) {
          const float row = kA == Lies::along ? along[i][l] : across[i / 4][i % 4];
#pragma unroll
          for (int j = 0; j < kVectors * 4; ++j) sums_[i][j] += row * columns[j / 4][j % 4];
        }
      }
    }
  }

  template <class Out, class F>
  SF_DEVICE void for_vectors(const F& f) const {
    static_assert(std::is_same_v<Out, float>);
    const int y = lane_index() / 8, x = lane_index() % 8;
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int row = kA == Lies::along ? y * 2 + i / 2 * 8 + i % 2 : (y + i / 4 * 4) * 4 + i % 4;
#pragma unroll
      for (int j = 0; j < kVectors; ++j)
        f(warp_m_ + row, warp_n_ + (x + 8 * j) * 4,
          Vec<float, 4>{
              {sums_[i][4 * j], sums_[i][4 * j + 1], sums_[i][4 * j + 2], sums_[i][4 * j + 3]}});
    }
  }

 private:
  using Stage = GradientStage<float, Shape, kA>;
  static constexpr int kRows = Shape::kWarpM / 4, kVectors = Shape::kWarpN / 32;

  SF_DEVICE static Vec<float, 4> at(const std::byte* from) {
    return load<4>(reinterpret_cast<const float*>(from));
  }

  float sums_[kRows][kVectors * 4] = {};
  int warp_m_, warp_n_, a_, b_;
};

constexpr int kAnyNumber = 1 << 30;

// What the kernels count in an int.
inline bool gemm_sizes_fit(const Conv3dProblem& p) {
  const auto fits = [](int64_t pixels) { return pixels < int64_t{1} << 30; };
  return fits(p.out_pixels()) && fits(int64_t{p.n} * p.t * p.h * p.w) && p.groups <= 65535;
}

inline bool is_half(DType dtype) { return dtype == DType::bf16 || dtype == DType::f16; }

template <class T, class Shape, Lies kA>
using GradientTile = std::conditional_t<std::is_same_v<T, float>, FmaGradientTile<Shape, kA>,
                                        TensorGradientTile<T, Shape, kA>>;

}  // namespace sf::SF_DEVICE_NS
