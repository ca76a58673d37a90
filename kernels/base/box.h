// Boxes of channels-last pixels, and their sum by a block.
#pragma once

#include "kernels/base/channel_tiles.h"

namespace sf::SF_DEVICE_NS {

// Pixels of sample n with coordinates from `first` on, `size` of them along T, H and W, in an
// activation of these extents.
struct PixelBox {
  int64_t n;
  int first[3], size[3], extent[3];

  SF_HOST_DEVICE int pixels() const { return size[0] * size[1] * size[2]; }

  // The index of pixel i of the box, in the order T, H, W.
  SF_HOST_DEVICE int64_t pixel(int i) const {
    const int l = i % size[2], j = i / size[2] % size[1], k = i / size[2] / size[1];
    return ((n * extent[0] + first[0] + k) * extent[1] + first[1] + j) * extent[2] + first[2] + l;
  }
};

// The sums of a thread's channels over a box, from channel `at.vector * kWidth` on, in row 0 of the
// block. Rows take every rows-th pixel; then they are added pairwise. `shared` has kWidth floats
// a thread.
template <int kWidth, class T>
SF_DEVICE void sum_box(const PixelBox& box, const T* x, int64_t pitch, const ChannelTiles& tiles,
                       const TilePlace& at, float (&sums)[kWidth], float* shared) {
#pragma unroll
  for (int k = 0; k < kWidth; ++k) sums[k] = 0;
  if (at.inside) {
    x += at.vector * kWidth;
    for_pixel_batches<4>(at.row, tiles.rows, box.pixels(), [&](auto n, int i) {
      Vec<T, kWidth> v[n];
#pragma unroll
      for (int j = 0; j < n; ++j) v[j] = load<kWidth>(x + box.pixel(i + j * tiles.rows) * pitch);
#pragma unroll
      for (int j = 0; j < n; ++j) {
#pragma unroll
        for (int k = 0; k < kWidth; ++k) sums[k] += float(v[j][k]);
      }
    });
  }
  sum_over_rows(sums, tiles.rows, tiles.slab, shared);
}

}  // namespace sf::SF_DEVICE_NS
