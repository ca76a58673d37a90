// Warps' products of tiles for gradients: multiply(a, b) adds what one stage holds,
// for_vectors(f) hands out the sums.
#pragma once

#include "kernels/base/warp.h"
#include "kernels/conv3d/gradient_tile.h"

namespace sf::SF_DEVICE_NS {

// A warp's sums on tensor cores; T: bf16, f16.
template <class T, class Shape, Lies kA>
class TensorProduct {
 public:
  SF_DEVICE TensorProduct() {
    const int lane = lane_index();
    a_ = kA == Lies::along ? chunk_offset<Stage::kRowBytesA>(Shape::warp_m() + lane % 16, lane / 16)
                           : chunk_offset<Stage::kRowBytesA>(lane % 8 + lane / 16 * 8,
                                                             Shape::warp_m() / 8 + lane / 8 % 2);
    b_ = chunk_offset<Stage::kRowBytesB>(lane % 16, Shape::warp_n() / 8 + lane / 16);
  }

  SF_DEVICE void multiply(const std::byte* a, const std::byte* b) {
#pragma unroll
    for (int step = 0; step < Shape::kSliceBytes; step += 32) {  // 16 values
      uint32_t rows[Shape::kWarpM / 16][4], columns[Shape::kWarpN / 8][2];
#pragma unroll
      for (int j = 0; j < Shape::kWarpN / 8; j += 2) {
        uint32_t pair[4];
        load_matrices<true>(pair, b + (b_ ^ j * 16) + step / 2 * Stage::kRowBytesB);
#pragma unroll
        for (int i = 0; i < 4; ++i) columns[j + i / 2][i % 2] = pair[i];
      }
#pragma unroll
      for (int i = 0; i < Shape::kWarpM / 16; ++i) {
        if constexpr (kA == Lies::along)
          load_matrices(rows[i], a + (a_ ^ step) + i * 16 * Stage::kRowBytesA);
        else
          load_matrices<true>(rows[i], a + (a_ ^ i * 32) + step / 2 * Stage::kRowBytesA);
      }
      mma_block<T>(sums_, rows, columns);
    }
  }

  // f(row, column, vector) for the sums, rounded to Out: float or T. Every lane calls it alike.
  template <class Out, class F>
  SF_DEVICE void for_vectors(const F& f) const {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int i = 0; i < Shape::kWarpM / 16; ++i) {
      const int row = Shape::warp_m() + 16 * i + g;
      if constexpr (std::is_same_v<Out, float>) {
#pragma unroll
        for (int j = 0; j < Shape::kWarpN / 8; ++j)
          f(row + t % 2 * 8, Shape::warp_n() + 8 * j + t / 2 * 4, four(sums_[i][j], t % 2));
      } else {
#pragma unroll
        for (int j = 0; j < Shape::kWarpN / 8; j += 2)
          f(row + t / 2 * 8, Shape::warp_n() + 8 * (j + t % 2),
            eight(sums_[i][j], sums_[i][j + 1], t));
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
  int a_, b_;
};

// A warp's sums of float32 with float32's own products and sums. Of the lanes, 4 x 8, each holds
// every fourth row, or vector of rows, and every eighth vector of columns.
template <class Shape, Lies kA>
class FmaProduct {
 public:
  SF_DEVICE FmaProduct() {
    const int y = lane_index() / 8, x = lane_index() % 8;
    a_ = kA == Lies::along ? chunk_offset<Stage::kRowBytesA>(Shape::warp_m() + y * 2, 0)
                           : (Shape::warp_m() / 4 + y) * 16;
    b_ = (Shape::warp_n() / 4 + x) * 16;
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
        count_fma(kRows * kVectors * 4);
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
        f(Shape::warp_m() + row, Shape::warp_n() + (x + 8 * j) * 4,
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
  int a_, b_;
};

// A warp's sums of float32 rounded to tf32, on tensor cores. Which rows and columns of the product
// a fragment means is free where a tile lies across the reduction: those that let a lane load four
// of its values together.
template <class Shape, Lies kA>
class Tf32Product {
 public:
  SF_DEVICE Tf32Product() {
    const int lane = lane_index(), g = chunk_of(lane / 4), t = lane % 4;
    a_ = kA == Lies::along ? chunk_offset<Stage::kRowBytesA>(Shape::warp_m() + lane % 16, lane / 16)
                           : across_offset<Stage::kRowBytesA, true>(t, Shape::warp_m() / 4 + g);
    b_ = across_offset<Stage::kRowBytesB, true>(t, Shape::warp_n() / 4 + g);
  }

  SF_DEVICE void multiply(const std::byte* a, const std::byte* b) {
#pragma unroll
    for (int k = 0; k < Stage::kSlice; k += 8) {
      uint32_t columns[Shape::kWarpN / 8][2];
#pragma unroll
      for (int j = 0; j < Shape::kWarpN / 32; ++j)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const auto four = at(b + b_ + j * 128 + (k + 4 * half) * Stage::kRowBytesB);
#pragma unroll
          for (int i = 0; i < 4; ++i) columns[4 * j + i][half] = to_tf32(four[i]);
        }
      uint32_t rows[Shape::kWarpM / 16][4];
      if constexpr (kA == Lies::along) {
#pragma unroll
        for (int i = 0; i < Shape::kWarpM / 16; ++i) {
          load_matrices(rows[i], a + (a_ ^ k * 4) + i * 16 * Stage::kRowBytesA);
          round_fragment<float>(rows[i]);
        }
      } else {
#pragma unroll
        for (int i = 0; i < Shape::kWarpM / 16; i += 2)
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const auto four = at(a + a_ + i * 64 + (k + 4 * half) * Stage::kRowBytesA);
#pragma unroll
            for (int l = 0; l < 4; ++l) rows[i + l / 2][2 * half + l % 2] = to_tf32(four[l]);
          }
      }
      mma_block_tf32(sums_, rows, columns);
    }
  }

  template <class Out, class F>
  SF_DEVICE void for_vectors(const F& f) const {
    static_assert(std::is_same_v<Out, float>);
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int i = 0; i < Shape::kWarpM / 16; ++i)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = kA == Lies::along ? 16 * i + g + 8 * half
                                          : i / 2 * 32 + 4 * chunk_of(g) + i % 2 * 2 + half;
#pragma unroll
        for (int j = 0; j < Shape::kWarpN / 8; j += 4)
#pragma unroll
          for (int l = 0; l < 2; ++l) {
            const int e = 2 * half + l;
            f(Shape::warp_m() + row, Shape::warp_n() + 8 * j + 4 * chunk_of(2 * t + l),
              Vec<float, 4>{
                  {sums_[i][j][e], sums_[i][j + 1][e], sums_[i][j + 2][e], sums_[i][j + 3][e]}});
          }
      }
  }

 private:
  using Stage = GradientStage<float, Shape, kA>;
  static_assert(Shape::kWarpM % 32 == 0 && Shape::kWarpN % 32 == 0);

  // The chunk of 32 rows or columns that row or column g of a fragment comes from. The lanes that
  // store a row together have neighbouring ones.
  SF_DEVICE static int chunk_of(int g) { return g / 2 + g % 2 * 4; }

  SF_DEVICE static Vec<float, 4> at(const std::byte* from) {
    return load<4>(reinterpret_cast<const float*>(from));
  }

  float sums_[Shape::kWarpM / 16][Shape::kWarpN / 8][4] = {};
  int a_, b_;
};

template <class T, class Shape, Lies kA>
using GradientProduct = std::conditional_t<
    !std::is_same_v<T, float>, TensorProduct<T, Shape, kA>,
    std::conditional_t<Shape::kTf32, Tf32Product<Shape, kA>, FmaProduct<Shape, kA>>>;

}  // namespace sf::SF_DEVICE_NS
