// Sums of y and of y squared over pixels, for the batch norm behind a convolution, gathered while y
// is stored. Each part of the pixels, such as a block's tile, leaves a ChannelSums for each channel
// in the workspace, in single precision; add_output_parts() adds up the parts in double precision.
// Every order is fixed.
#pragma once

#include "kernels/base/launch.h"
#include "kernels/conv3d/conv3d.h"

namespace sf::SF_DEVICE_NS {

// Sums of deviations from a pivot, the value of one of the pixels, and of their squares: a mean far
// from zero costs no precision (the shifted data algorithm of Chan, Golub and LeVeque).
struct ChannelSums {
  float pivot = 0, sum = 0, squares = 0, pixels = 0;

  SF_DEVICE void add(float y) {
    const float d = y - pivot;
    sum += d;
    squares += d * d;
    pixels += 1;
  }
  // Adds those of other pixels about another pivot; this one must come of a pixel too.
  SF_DEVICE void add(const ChannelSums& other) {
    if (other.pixels == 0) return;
    const float d = other.pivot - pivot, moved = other.pixels * d;
    sum += other.sum + moved;
    squares += other.squares + d * (2 * other.sum + moved);
    pixels += other.pixels;
  }

  SF_DEVICE static ChannelSums read(const float* from) {
    const auto v = load<4>(from);
    return {v[0], v[1], v[2], v[3]};
  }
  SF_DEVICE void write(float* to) const { store(to, Vec<float, 4>{{pivot, sum, squares, pixels}}); }
};
constexpr int kSumsFloats = 4;  // of a ChannelSums

// What a lane adds up of kWidth channels in the rows of a warp's tile; every 32 / kVectors lanes
// share channels. The pivots, of one row for the whole warp, lie in shared memory, for registers
// are dear.
template <int kWidth>
struct LaneSums {
  float* pivots;  // of the lane's channels
  float sum[kWidth] = {}, squares[kWidth] = {}, pixels = 0;

  template <class T>
  SF_DEVICE void set_pivots(const Vec<T, kWidth>& y) const {
#pragma unroll
    for (int i = 0; i < kWidth; i += 4)
      store(pivots + i,
            Vec<float, 4>{{float(y[i]), float(y[i + 1]), float(y[i + 2]), float(y[i + 3])}});
  }
  template <class T>
  SF_DEVICE void add(const Vec<T, kWidth>& y) {
#pragma unroll
    for (int i = 0; i < kWidth; i += 4) {
      const auto pivot = load<4>(pivots + i);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float d = float(y[i + j]) - pivot[j];
        sum[i + j] += d;
        squares[i + j] += d * d;
      }
    }
    pixels += 1;
  }
  // Stores the warp's ChannelSums, over the pivots too: channel i of vector v at i kVectors + v, so
  // that neighbouring lanes have neighbouring places.
  template <int kVectors>
  SF_DEVICE void store_warp(float* to) {
#pragma unroll
    for (int mask = kVectors; mask < kWarpSize; mask *= 2) {
      pixels += shuffle_xor(pixels, mask);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        sum[i] += shuffle_xor(sum[i], mask);
        squares[i] += shuffle_xor(squares[i], mask);
      }
    }
    Vec<float, 4> pivot[kWidth / 4];
#pragma unroll
    for (int i = 0; i < kWidth / 4; ++i) pivot[i] = load<4>(pivots + 4 * i);
    sync_warp();
    if (lane_index() >= kVectors) return;
#pragma unroll
    for (int i = 0; i < kWidth; ++i)
      ChannelSums{pivot[i / 4][i % 4], sum[i], squares[i], pixels}.write(
          to + (i * kVectors + lane_index()) * kSumsFloats);
  }
};

// Pixels of a part at least, but for the last one, where a kernel has smallest_output_parts().
constexpr int kPartPixels = 64;

// What `parts` parts take in the workspace: the sums of k channels, part after part.
inline size_t output_parts_bytes(const Conv3dProblem& p, int64_t parts) {
  return p.sums ? size_t(parts * p.k) * kSumsFloats * sizeof(float) : 0;
}
inline int64_t smallest_output_parts(const Conv3dProblem& p) {
  return ceil_div(p.out_pixels(), int64_t{kPartPixels});
}

// For kernels that do not gather: makes parts of kPartPixels of what lies in y.
void make_output_parts(const Conv3dProblem& p, const Conv3dArgs& args, float* parts, Queue queue);

// Of a kernel that gathers while it stores, in one launch; where x and w are aligned for it.
inline int gathering_launches(const Conv3dProblem& p) { return p.sums ? 2 : 1; }

// Stores the sums of all parts and their count.
void add_output_parts(const Conv3dProblem& p, const Conv3dArgs& args, const float* parts,
                      int64_t count, Queue queue);

}  // namespace sf::SF_DEVICE_NS
