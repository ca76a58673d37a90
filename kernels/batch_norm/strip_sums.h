// Two sums for each split and channel, in two stages: a block adds up a strip of pixels in single
// precision, then one block for 32 channels adds up the strips in double precision. Every order is
// fixed. What is summed must have the size of a deviation from the mean, not of the mean; the
// second stage can make other sums of it.
#pragma once

#include <algorithm>

#include "kernels/base/launch.h"
#include "kernels/batch_norm/pixel_strips.h"

namespace sf::SF_DEVICE_NS {

// How sums of one problem are shared out, for vectors of `width` channels.
struct StripSums {
  static constexpr int kBatch = 4;  // pixels of a thread that are loaded together

  ChannelTiles tiles;
  PixelStrips strips;

  StripSums(const BatchNormTrainingProblem& p, int width)
      : tiles(p.c / width), strips(p, tiles.rows * thread_pixels(p, tiles)) {}

  dim3 grid() const { return {unsigned(strips.size()), unsigned(tiles.slabs)}; }

  // The strips' sums, 2 c floats each.
  static size_t workspace_bytes(const BatchNormTrainingProblem& p, void*) {
    const int width = 16 / int(size_of(p.dtype));
    const int scalars = StripSums(p, 1).strips.size();
    const int vectors = p.c % width == 0 ? StripSums(p, width).strips.size() : 0;
    return size_t(std::max(scalars, vectors)) * 2 * size_t(p.c) * sizeof(float);
  }

 private:
  // Few enough for some thousand warps, no more than 64, for the rounding of their sum.
  static int thread_pixels(const BatchNormTrainingProblem& p, const ChannelTiles& tiles) {
    constexpr int64_t kBlocks = 1024;
    const int64_t blocks = std::max<int64_t>(1, kBlocks / tiles.slabs);
    return int(std::clamp<int64_t>(p.pixels() / (blocks * tiles.rows) / kBatch, 1, 16)) * kBatch;
  }
};

// Adds up the two sums of every thread's kWidth channels over the rows of the block and stores them
// as those of the block's strip.
template <int kWidth>
SF_DEVICE void store_strip_sums(float (&sums)[2 * kWidth], const TilePlace& at,
                                const ChannelTiles& tiles, int c, float* partials) {
  sum_over_rows(sums, tiles.rows, tiles.slab, dynamic_shared<float>());
  if (!at.inside || at.row > 0) return;
  float* to = partials + int64_t(blockIdx.x) * 2 * c + at.vector * kWidth;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) to[k] = sums[k], to[c + k] = sums[kWidth + k];
}
template <int kWidth>
constexpr size_t kStripShared = sizeof(float) * 2 * kWidth * ChannelTiles::kThreads;

// finish(split, channel, first sum, second sum) gives the pair that is stored. A warp takes every
// blockDim.x / 32nd strip of 32 channels.
template <class Pair>
__global__ void __launch_bounds__(1024)
    add_strips_kernel(PixelStrips strips, int c, int64_t count, const float* partials, double* sums,
                      double* total, Pair finish) {
  const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) / 32, rows = int(blockDim.x) / 32;
  const int channel = int(blockIdx.x) * 32 + lane, split = int(blockIdx.y);
  double pair[2] = {0, 0};
  if (channel < c)
    for_pixel_batches<4>(row, rows, strips.per_split(), [&](auto n, int i) {
      float first[n], second[n];
#pragma unroll
      for (int j = 0; j < n; ++j) {
        const float* from = partials + int64_t(strips.number(split, i + j * rows)) * 2 * c;
        first[j] = from[channel], second[j] = from[c + channel];
      }
#pragma unroll
      for (int j = 0; j < n; ++j) pair[0] += double(first[j]), pair[1] += double(second[j]);
    });
  sum_over_rows(pair, rows, 32, dynamic_shared<double>());
  if (row > 0 || channel >= c) return;
  finish(split, channel, pair);
  const int64_t moment = int64_t(split) * c + channel;
  sums[moment] = pair[0];
  sums[int64_t(gridDim.y) * c + moment] = pair[1];
  if (moment == 0) *total = double(count);
}

// Launches of the sums: the strips, then add_strips.
inline int strip_sums_launches(const BatchNormTrainingProblem&) { return 2; }

template <class Finish>
void add_strips(const BatchNormTrainingProblem& p, const PixelStrips& strips, const float* partials,
                double* sums, double* count, Queue queue, const Finish& finish) {
  const int threads = 32 * std::clamp(strips.per_split(), 1, 32);
  launch(add_strips_kernel<Finish>, dim3(unsigned(ceil_div(p.c, 32)), unsigned(p.splits)), threads,
         2 * sizeof(double) * size_t(threads), queue, strips, p.c, p.count(), partials, sums, count,
         finish);
}

}  // namespace sf::SF_DEVICE_NS
