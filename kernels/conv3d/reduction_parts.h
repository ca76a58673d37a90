// A reduction shared out over parts of the grid, for problems with too few tiles to fill a GPU.
// Each block leaves its tile's sums in the workspace; the one that comes last, whichever it is,
// adds those of all parts of the tile in their order, so the bits do not depend on who is last.
#pragma once

#include "kernels/base/atomic.h"
#include "kernels/base/device.h"
#include "kernels/base/kernel.h"

namespace sf::SF_DEVICE_NS {

struct ReductionParts {
  int count = 1;   // blockIdx.z counts them
  int slices = 0;  // of the reduction in a part, but the last, which has what remains

  // About `wanted` parts, none empty, of no fewer than `fewest` slices.
  static ReductionParts share_out(int slices, int64_t wanted, int fewest) {
    const int most = maximum(slices / fewest, 1);
    const int each = ceil_div(slices, int(minimum(maximum(wanted, int64_t{1}), int64_t{most})));
    return {ceil_div(slices, each), each};
  }
};

// Where the blocks meet, for tiles of kThreads threads.
struct MeetingPlace {
  unsigned* arrived;  // blocks, by tile; zero before and behind
  float* sums;        // vectors of four: by tile, part, vector and thread

  static size_t arrived_bytes(const ReductionParts& parts, int64_t tiles) {
    constexpr size_t kAlignment = kZeroedAlignment / sizeof(unsigned);
    return parts.count == 1 ? 0
                            : ceil_div(size_t(tiles), kAlignment) * kAlignment * sizeof(unsigned);
  }
  template <class Tile>
  static size_t sums_bytes(const ReductionParts& parts, int64_t tiles, int threads) {
    return parts.count == 1
               ? 0
               : size_t(tiles * parts.count * threads * Tile::kVectors) * sizeof(float) * 4;
  }

  // Every thread of the block calls it. Where it returns true, the tile has the sums of all parts;
  // false: another block will have them. `shared` may be used for something else behind it.
  template <int kThreads, class Tile>
  SF_DEVICE bool add_up(Tile& tile, int index, int part, int parts, unsigned* shared) const {
    constexpr int kPart = Tile::kVectors * kThreads * 4;
    float* first = sums + int64_t(index) * parts * kPart + int(threadIdx.x) * 4;
#pragma unroll
    for (int v = 0; v < Tile::kVectors; ++v)
      store(first + int64_t(part) * kPart + v * kThreads * 4, tile.sums(v));
    thread_fence();
    __syncthreads();
    if (threadIdx.x == 0) *shared = atomic_add(arrived + index, 1U);
    __syncthreads();
    const bool last = *shared == unsigned(parts - 1);
    __syncthreads();
    if (!last) return false;
    if (threadIdx.x == 0) arrived[index] = 0;
    thread_fence();
#pragma unroll
    for (int v = 0; v < Tile::kVectors; ++v) tile.set_sums(v, load<4>(first + v * kThreads * 4));
    for (int i = 1; i < parts; ++i) {
      const float* from = first + int64_t(i) * kPart;
#pragma unroll
      for (int v = 0; v < Tile::kVectors; ++v) {
        Vec<float, 4> sum = tile.sums(v);
        const auto addend = load<4>(from + v * kThreads * 4);
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[j] += addend[j];
        tile.set_sums(v, sum);
      }
    }
    return true;
  }
};

}  // namespace sf::SF_DEVICE_NS
