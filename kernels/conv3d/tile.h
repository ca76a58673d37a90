// Tiles of shared memory that warps multiply. A tile has rows of kRowBytes along the reduction, in
// chunks of 16 bytes; the product of tiles a and b is a times b transposed.
#pragma once

#include "kernels/base/async_copy.h"
#include "kernels/base/tensor_core.h"

namespace sf::SF_DEVICE_NS {

// Where a chunk lies, in bytes. Chunks are permuted within lines of 128 bytes, the width of the
// banks: neither neighbouring chunks of a row nor one chunk of eight neighbouring rows share a
// bank. Rows eight apart have the same permutation, an exclusive or.
template <int kRowBytes>
SF_DEVICE int chunk_offset(int row, int chunk) {
  constexpr int kChunks = kRowBytes / 16, kRowsOfLine = kRowBytes < 128 ? 128 / kRowBytes : 1;
  constexpr int kPermuted = (kChunks < 8 ? kChunks : 8) - 1;
  static_assert((kChunks & (kChunks - 1)) == 0);
  return row * kRowBytes + (chunk ^ (row / kRowsOfLine & kPermuted)) * 16;
}

// Keeps kStages - 1 slices of tiles in flight. load(stage) is called for the slices in turn and
// issues copies; multiply(stage) then sees them. Ends when the stages may be used for something
// else.
template <int kStages, class Load, class Multiply>
SF_DEVICE void pipeline(int slices, const Load& load, const Multiply& multiply) {
  for (int stage = 0; stage < kStages - 1; ++stage) {
    if (stage < slices) load(stage);
    async_copy_commit();
  }
  int from = 0, to = kStages - 1;
  for (int slice = 0; slice < slices; ++slice) {
    async_copy_wait<kStages - 2>();
    __syncthreads();
    if (slice + kStages - 1 < slices) load(to);
    async_copy_commit();
    multiply(from);
    from = from + 1 == kStages ? 0 : from + 1;
    to = to + 1 == kStages ? 0 : to + 1;
  }
  async_copy_wait<0>();
  __syncthreads();
}

// What is a fragment for mma becomes one for mma_tf32.
template <class T, int kCount>
SF_DEVICE void round_fragment(uint32_t (&r)[kCount]) {
  if constexpr (std::is_same_v<T, float>)
#pragma unroll
    for (int i = 0; i < kCount; ++i) r[i] = to_tf32(float_of(r[i]));
}

// A warp's kM x kN sums on tensor cores; T: bf16, f16, or float for tf32.
template <class T, int kM_, int kN_, int kRowBytes_ = 64>
class TensorTile {
 public:
  using Value = T;
  static constexpr int kM = kM_, kN = kN_, kRowBytes = kRowBytes_;
  static constexpr int kStripPitch = kN + 8;  // writes of a strip: 8 rows lie in different banks

  // Rows of a fragment i that the lane reads: lane_row() + row_of(i), in 32 bytes from chunk
  // lane_chunk() on.
  static constexpr int kFragments = kM / 16, kStep = 32;
  SF_DEVICE static int lane_row() { return lane_index() % 16; }
  SF_DEVICE static int lane_chunk() { return lane_index() / 16; }
  SF_DEVICE static constexpr int row_of(int i) { return 16 * i; }

  // Multiplies the rows of the tiles from these on, multiples of 16.
  SF_DEVICE TensorTile(int a_row, int b_row) {
    const int lane = lane_index();
    a_ = chunk_offset<kRowBytes>(a_row + lane_row(), lane_chunk());
    b_ = chunk_offset<kRowBytes>(b_row + lane % 8 + lane / 16 * 8, lane / 8 % 2);
  }

  SF_DEVICE void multiply(const std::byte* a, const std::byte* b) {
    multiply_rows([&](int i, int step) { return a + (a_ ^ step) + row_of(i) * kRowBytes; }, b);
  }

  // a_row(i, step): where the lane reads fragment i of a, `step` bytes on in the reduction.
  template <class Rows>
  SF_DEVICE void multiply_rows(const Rows& a_row, const std::byte* b) {
#pragma unroll
    for (int step = 0; step < kRowBytes; step += kStep) {
      uint32_t row[kFragments][4], column[kN / 8][2];
#pragma unroll
      for (int j = 0; j < kN / 8; j += 2) {
        uint32_t pair[4];
        load_matrices(pair, b + (b_ ^ step) + j * 8 * kRowBytes);
        round_fragment<T>(pair);
#pragma unroll
        for (int i = 0; i < 4; ++i) column[j + i / 2][i % 2] = pair[i];
      }
#pragma unroll
      for (int i = 0; i < kFragments; ++i) {
        load_matrices(row[i], a_row(i, step));
        round_fragment<T>(row[i]);
      }
      if constexpr (std::is_same_v<T, float>)
        mma_block_tf32(sums_, row, column);
      else
        mma_block<T>(sums_, row, column);
    }
  }

  // Puts 16 rows of sums, from 16 strip on, into the warp's part of shared memory.
  SF_DEVICE void put_strip(int strip, float* to) const {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int j = 0; j < kN / 8; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        store(to + (g + 8 * half) * kStripPitch + 8 * j + 2 * t,
              Vec<float, 2>{{sums_[strip][j][2 * half], sums_[strip][j][2 * half + 1]}});
  }

  // The lane's sums, four together.
  static constexpr int kVectors = kFragments * kN / 8;
  SF_DEVICE Vec<float, 4> sums(int v) const {
    const auto& four = sums_[v / (kN / 8)][v % (kN / 8)];
    return {{four[0], four[1], four[2], four[3]}};
  }
  SF_DEVICE void set_sums(int v, const Vec<float, 4>& sums) {
#pragma unroll
    for (int i = 0; i < 4; ++i) sums_[v / (kN / 8)][v % (kN / 8)][i] = sums[i];
  }

 private:
  float sums_[kFragments][kN / 8][4] = {};
  int a_, b_;
};

// The same of float32 with float32's own products and sums. Lane (l / 8, l % 8) holds the rows
// 2 (l / 8) + {0, 1} of each 8 and every eighth column.
template <int kM_, int kN_>
class FmaTile {
 public:
  using Value = float;
  static constexpr int kM = kM_, kN = kN_, kRowBytes = 64;
  static constexpr int kStripPitch = kN + 4;

  static constexpr int kFragments = kM / 4, kStep = 16;
  SF_DEVICE static int lane_row() { return lane_index() / 8 * 2; }
  SF_DEVICE static int lane_chunk() { return 0; }
  SF_DEVICE static constexpr int row_of(int i) { return i / 2 * 8 + i % 2; }

  SF_DEVICE FmaTile(int a_row, int b_row) {
    a_ = chunk_offset<kRowBytes>(a_row + lane_row(), 0);
    b_ = chunk_offset<kRowBytes>(b_row + lane_index() % 8, 0);
  }

  SF_DEVICE void multiply(const std::byte* a, const std::byte* b) {
    multiply_rows([&](int i, int step) { return a + (a_ ^ step) + row_of(i) * kRowBytes; }, b);
  }

  template <class Rows>
  SF_DEVICE void multiply_rows(const Rows& a_row, const std::byte* b) {
#pragma unroll
    for (int step = 0; step < kRowBytes; step += kStep) {
      Vec<float, 4> row[kFragments];
#pragma unroll
      for (int i = 0; i < kFragments; ++i) row[i] = at(a_row(i, step));
#pragma unroll
      for (int j = 0; j < kN / 8; ++j) {
        const Vec<float, 4> column = at(b + (b_ ^ step) + j * 8 * kRowBytes);
        count_fma(4 * kFragments);
#pragma unroll
        for (int i = 0; i < kFragments; ++i)
#pragma unroll
          for (int k = 0; k < 4; ++k) sums_[i][j] += row[i][k] * column[k];
      }
    }
  }

  SF_DEVICE void put_strip(int strip, float* to) const {
    to += lane_row() * kStripPitch + lane_index() % 8;
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < kN / 8; ++j)
        store(to + row_of(i) * kStripPitch + 8 * j, Vec<float, 1>{{sums_[strip * 4 + i][j]}});
  }

  // The lane's sums, four together.
  static constexpr int kVectors = kFragments * kN / 8 / 4;
  SF_DEVICE Vec<float, 4> sums(int v) const {
    return {{sum(v, 0), sum(v, 1), sum(v, 2), sum(v, 3)}};
  }
  SF_DEVICE void set_sums(int v, const Vec<float, 4>& sums) {
#pragma unroll
    for (int i = 0; i < 4; ++i) sums_[(4 * v + i) / (kN / 8)][(4 * v + i) % (kN / 8)] = sums[i];
  }

 private:
  SF_DEVICE float sum(int v, int i) const {
    return sums_[(4 * v + i) / (kN / 8)][(4 * v + i) % (kN / 8)];
  }
  SF_DEVICE static Vec<float, 4> at(const std::byte* from) {
    return load<4>(reinterpret_cast<const float*>(from));
  }

  float sums_[kFragments][kN / 8] = {};
  int a_, b_;
};

}  // namespace sf::SF_DEVICE_NS
