// What Winograd's algorithm is given to do: shapes of tiles, their blocks, where the weights lie.
#pragma once

#include <algorithm>

#include "kernels/base/threads.h"
#include "kernels/conv3d/conv3d.h"
#include "kernels/conv3d/transposed.h"

namespace sf::winograd {

// Outputs of a tile along T, H and W; three taps and the stride along axes with more than one.
// Transformed windows and weights are multiplied as float or as bf16.
struct Shape {
  int t, h, w;
  DType products = DType::f32;
  int stride = 1;

  static constexpr int taps(int out) { return out > 1 ? 3 : 1; }
  // As many as a window has pixels.
  constexpr int positions() const { return extent(t) * extent(h) * extent(w); }
  // Different ones, for all positions.
  constexpr int filters() const {
    return (t + taps(t) - 1) * (h + taps(h) - 1) * (w + taps(w) - 1);
  }
  constexpr bool operator==(const Shape&) const = default;

 private:
  constexpr int extent(int out) const { return (out - 1) * stride + taps(out); }
};
inline constexpr int kMostChannels = 8192;
inline constexpr Shape kTime{4, 1, 1}, kPlane{1, 4, 4}, kSmallPlane{1, 2, 2}, kLargePlane{1, 5, 5},
    kStridedPlane{1, 4, 4, DType::f32, 2}, kSmallStridedPlane{1, 2, 2, DType::f32, 2},
    kShortTimeBf16{2, 1, 1, DType::bf16};

// The tiles of an output, and how they are worked on: in blocks of a thread each, or, where those
// would be few, all at once with the threads at each step together.
struct Tiling {
  Shape shape;
  int t, h, w;                  // tiles along each axis of a clip
  EvenParts tiles;              // in blocks
  int64_t block;                // tiles that a block has room for
  int slots;                    // threads with a block each; 0: all tiles are one block
  int64_t in_pitch, out_pitch;  // from a tile's values of one position to the next tile's

  Tiling(const Conv3dProblem& p, Shape shape_, int threads)
      : shape(shape_),
        t((p.out_t() + shape.t - 1) / shape.t),
        h((p.out_h() + shape.h - 1) / shape.h),
        w((p.out_w() + shape.w - 1) / shape.w),
        tiles(int64_t{p.n} * t * h * w, 1, 1),
        block(1),
        slots(threads),
        // Rows a cache line apart from powers of two do not fall on each other in the caches.
        in_pitch(p.c + 64 / int64_t(size_of(shape.products))),
        out_pitch(p.k + 16) {
    // Whole tiles of 14 rows: as many as a second-level cache holds and as leave each thread some
    // blocks. Weights that the cache does not hold want two at least, to be worth being read.
    constexpr int64_t kRows = 14, kCache = 900 << 10, kBlocks = 4;
    const int64_t weights = shape.filters() * int64_t{p.c} * p.k * int64_t(sizeof(float));
    const bool near_weights = weights <= kCache;
    const int64_t held = kCache / block_bytes(), shared = tiles.n / (kBlocks * slots);
    const int64_t most =
        kRows * std::clamp<int64_t>(std::min(held, shared) / kRows, near_weights ? 1 : 2, 8);
    constexpr int64_t kFarWeights = 4 << 20, kMostTogether = 64 << 20;  // bytes
    const bool together =
        weights > kFarWeights && most > shared && block_bytes() * tiles.n <= kMostTogether;
    tiles = together ? EvenParts(tiles.n, tiles.n, 1) : EvenParts(tiles.n, most, slots);
    block = tiles.largest();
    slots = together ? 0 : int(std::min<int64_t>(slots, tiles.count));
  }
  // Of a block's transformed windows, and of those and the sums behind them.
  int64_t in_bytes() const {
    return shape.positions() * block * in_pitch * int64_t(size_of(shape.products));
  }
  int64_t block_bytes() const {
    return in_bytes() + shape.positions() * block * out_pitch * int64_t(sizeof(float));
  }
  SlotMemory<std::byte> memory() const { return SlotMemory<std::byte>(block_bytes()); }
};

struct Work {
  Conv3dProblem problem;
  WeightStrides weights;
  Tiling tiling;

  size_t workspace_bytes() const { return tiling.memory().bytes(std::max(tiling.slots, 1)); }
  size_t packed_bytes() const;
  void pack(const void* weights, void* packed) const;
  void run(const Conv3dArgs& args, void* workspace) const;
  void run(const Conv3dBackwardDataArgs& args, void* workspace) const {
    run(transposed(args), workspace);
  }
};

}  // namespace sf::winograd
