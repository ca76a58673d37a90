// How the threads of a block share out channels-last pixels: a row of threads for each of several
// pixels at a time, in it a thread for each vector of channels.
#pragma once

#include <type_traits>

#include "kernels/base/device.h"

namespace sf::SF_DEVICE_NS {

// A block takes `slab` of the `vectors` vectors of a pixel, blockIdx.y tells which, and `rows`
// pixels at a time. Thread i has vector i % slab of row i / slab: neighbours in memory are
// neighbours in a warp, and few channels leave no warp idle.
struct ChannelTiles {
  static constexpr int kThreads = 256;

  int vectors, slabs, slab, rows;

  // Slabs of at most `most` vectors, of about equal size. 32 vectors of 16 bytes are 512 bytes of a
  // pixel; 8 are a cache line, and leave more rows and blocks where there are few pixels.
  explicit ChannelTiles(int vectors_, int most = 32)
      : vectors(vectors_),
        slabs(ceil_div(vectors, most)),
        slab(ceil_div(vectors, slabs)),
        rows(kThreads / slab) {}
};

// What one thread has of its block's tile.
struct TilePlace {
  int row, vector;
  bool inside;  // false for threads without work

  SF_DEVICE explicit TilePlace(const ChannelTiles& tiles)
      : row(int(threadIdx.x) / tiles.slab),
        vector(int(blockIdx.y) * tiles.slab + int(threadIdx.x) % tiles.slab),
        inside(row < tiles.rows && vector < tiles.vectors) {}
};

// f(n, i) for the pixels i, i + rows, ... of a thread's row below `count`: n of them at a time, a
// constant, so that f can load all before it stores one; those left over one by one.
template <int kBatch, class F>
SF_DEVICE void for_pixel_batches(int row, int rows, int count, const F& f) {
  int i = row;
  for (; i + (kBatch - 1) * rows < count; i += kBatch * rows)
    f(std::integral_constant<int, kBatch>{}, i);
  for (; i < count; i += rows) f(std::integral_constant<int, 1>{}, i);
}

// Adds the values of all rows of a block, row i + half to row i until one is left; row 0 has the
// result. Every thread of the block calls it. `shared` has room for N values a thread.
template <class T, int N>
SF_DEVICE void sum_over_rows(T (&values)[N], int rows, int slab, T* shared) {
  const int thread = int(threadIdx.x), threads = int(blockDim.x), row = thread / slab;
  while (rows > 1) {
    const int half = (rows + 1) / 2;
    if (row >= half && row < rows) {
#pragma unroll
      for (int i = 0; i < N; ++i) shared[i * threads + thread] = values[i];
    }
    // One barrier a step: what is read behind it is not written again.
    __syncthreads();
    if (row < rows - half) {
#pragma unroll
      for (int i = 0; i < N; ++i) values[i] += shared[i * threads + thread + half * slab];
    }
    rows = half;
  }
}

}  // namespace sf::SF_DEVICE_NS
