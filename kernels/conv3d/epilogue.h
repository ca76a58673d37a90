// What happens to a sum of products on its way to y: bias, residual, activation, one rounding, and
// its part in the sums over y.
#pragma once

#include "kernels/base/launch.h"
#include "kernels/conv3d/conv3d.h"
#include "kernels/conv3d/output_sums.h"

namespace sf::SF_DEVICE_NS {

// Of a warp's strip.
template <class Tile>
constexpr int kStripFloats = 16 * Tile::kStripPitch;

template <class T>
struct Epilogue {
  const float* bias;  // null without
  const T* residual;  // null without
  T* y;
  float* parts;  // of the sums over y; null without
  int64_t residual_pitch, y_pitch;
  Activation activation;
  bool vectors;  // channels are stored kVec<T> together, aligned

  // Vectors begin at multiples of `together` channels, without it a group's.
  Epilogue(const Conv3dProblem& p, const Conv3dArgs& args, float* parts_ = nullptr,
           int together = 0)
      : bias(static_cast<const float*>(args.bias)),
        residual(static_cast<const T*>(args.residual)),
        y(static_cast<T*>(args.y)),
        parts(parts_),
        residual_pitch(residual ? p.residual_pitch : 0),
        y_pitch(p.y_pitch),
        activation(p.activation),
        vectors(aligned_for_vectors<T>(together ? together : p.k / p.groups,
                                       {p.y_pitch, residual_pitch}, {y, residual, bias})) {}

  // The bias of channels from k on, zeros without one and past the last of `channels`.
  template <int kWidth>
  SF_DEVICE void load_bias(float (&values)[kWidth], int k, int channels) const {
    constexpr int kPart = minimum(kWidth, 4);
#pragma unroll
    for (int i = 0; i < kWidth; i += kPart) {
      Vec<float, kPart> part{};
      if (bias && vectors && k < channels) part = load<kPart>(bias + k + i);
#pragma unroll
      for (int j = 0; j < kPart; ++j) {
        if (bias && !vectors && k + i + j < channels) part[j] = load<1>(bias + k + i + j)[0];
        values[i + j] = part[j];
      }
    }
  }

  // Channels k to k + kWidth of one pixel: aligned, for kWidth above 1. The sums have the bias.
  // Returns what y holds then.
  template <int kWidth>
  SF_DEVICE Vec<T, kWidth> store_channels(int pixel, int k, const float (&sum)[kWidth]) const {
    Vec<T, kWidth> addend{}, result;
    if (residual) addend = load<kWidth>(residual + pixel * residual_pitch + k);
#pragma unroll
    for (int i = 0; i < kWidth; ++i)
      result[i] = T(activate(activation, residual ? sum[i] + float(addend[i]) : sum[i]));
    store(y + pixel * y_pitch + k, result);
    return result;
  }

  // The same for channels that may not exist, from `channels` on, or not be aligned.
  template <int kWidth>
  SF_DEVICE Vec<T, kWidth> store_some_channels(int pixel, int k, int channels,
                                               const float (&sum)[kWidth]) const {
    Vec<T, kWidth> stored{};
    if (vectors) return k < channels ? store_channels(pixel, k, sum) : stored;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      const float one[1] = {sum[i]};
      if (k + i < channels) stored[i] = store_channels(pixel, k + i, one)[0];
    }
    return stored;
  }

  // Stores the sums of a warp's tile by way of its strip of shared memory, 16 rows of kStripPitch:
  // row i of the tile is pixel pixel_of(i), none if negative; its columns are channels from k on.
  // The first row is a pixel if any is.
  template <class Tile, class PixelOf>
  SF_DEVICE void store_tile(const Tile& tile, float* strips, int k, int channels,
                            const PixelOf& pixel_of) const {
    constexpr int kWidth = kVec<T>, kVectors = Tile::kN / kWidth;
    static_assert(kWarpSize % kVectors == 0);
    const int vector = lane_index() % kVectors;
    k += vector * kWidth;
    float lane_bias[kWidth];
    load_bias(lane_bias, k, channels);
    float* strip_rows = strips + int(threadIdx.x) / kWarpSize * kStripFloats<Tile>;
    // Pivots lie behind the columns of a row of the strip, where there is room in two places, so
    // that eight lanes find theirs in different banks.
    constexpr int kSecond = Tile::kStripPitch - Tile::kN - kWidth;
    static_assert(kVectors <= 16 && kSecond >= 0);
    LaneSums<kWidth> lane_sums{strip_rows + vector * Tile::kStripPitch + Tile::kN +
                               vector / 4 % 2 * kSecond};
#pragma unroll
    for (int strip = 0; strip < Tile::kM / 16; ++strip) {
      tile.put_strip(strip, strip_rows);
      sync_warp();
#pragma unroll
      for (int i = 0; i < 16; i += kWarpSize / kVectors) {
        const int row = i + lane_row<Tile, kVectors>();
        const int pixel = pixel_of(strip * 16 + row);
        float sum[kWidth];
        take(sum, strip_rows + row * Tile::kStripPitch + vector * kWidth,
             kVectors < 8 ? row % 2 : vector / 4 % 2);
#pragma unroll
        for (int j = 0; j < kWidth; ++j) sum[j] += lane_bias[j];
        Vec<T, kWidth> stored{};
        if (pixel >= 0) stored = store_some_channels(pixel, k, channels, sum);
        if (!parts) continue;
        if (strip == 0 && i == 0) {
          if (lane_index() < kVectors) lane_sums.set_pivots(stored);
          sync_warp();
        }
        if (pixel >= 0) lane_sums.add(stored);
      }
      sync_warp();
    }
    if (parts) lane_sums.template store_warp<kVectors>(strip_rows);
  }

  // Behind store_tile() of a block's kWarpsM x kWarpsN warps: stores what their tiles add to the
  // sums as one part, for channels from k on. Every thread calls it; the strips are read.
  template <class Tile, int kWarpsM, int kWarpsN>
  SF_DEVICE void store_part(const float* strips, int64_t part, int all_channels, int k,
                            int channels) const {
    static_assert(kWarpsM * kWarpSize >= Tile::kN, "a thread for each channel");
    if (!parts) return;
    __syncthreads();
    constexpr int kWidth = kVec<T>, kVectors = Tile::kN / kWidth;
    const int column = int(threadIdx.x) / Tile::kN, slot = int(threadIdx.x) % Tile::kN;
    k += column * Tile::kN + slot % kVectors * kWidth + slot / kVectors;
    if (column >= kWarpsN || k >= channels) return;
    const float* from = strips + column * kStripFloats<Tile> + slot * kSumsFloats;
    ChannelSums sums = ChannelSums::read(from);
#pragma unroll
    for (int i = 1; i < kWarpsM; ++i)
      sums.add(ChannelSums::read(from + i * kWarpsN * kStripFloats<Tile>));
    sums.write(parts + (part * all_channels + k) * kSumsFloats);
  }

 private:
  // Of the rows that a warp takes together, the lane's. Where eight lanes, which share a pass over
  // the banks, take two rows of 16 values, those lie half of the banks apart.
  template <class Tile, int kVectors>
  SF_DEVICE static int lane_row() {
    const int row = lane_index() / kVectors;
    if constexpr (kVec<T> == 4 && kVectors == 4) {
      constexpr int kApart = 2 * Tile::kStripPitch % 32 == 16 ? 2 : 4;
      static_assert(kApart * Tile::kStripPitch % 32 == 16);
      return row % 2 * kApart + row / 2 % kApart + row / (2 * kApart) * (2 * kApart);
    }
    return row;
  }

  // Eight values take two loads; the lanes that begin with the second one are those whose first
  // would share a bank with another lane's.
  template <int kWidth>
  SF_DEVICE static void take(float (&sum)[kWidth], const float* from, bool second_first) {
    if constexpr (kWidth == 4) {
      const auto values = load<4>(from);
#pragma unroll
      for (int i = 0; i < 4; ++i) sum[i] = values[i];
    } else {
      const auto one = load<4>(from + 4 * second_first), other = load<4>(from + 4 * !second_first);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sum[i] = second_first ? other[i] : one[i];
        sum[i + 4] = second_first ? one[i] : other[i];
      }
    }
  }
};

}  // namespace sf::SF_DEVICE_NS
