// The pixels of a problem in blocks that a thread takes at a time. The blocks depend on the problem
// alone, so that sums over them do not depend on the threads.
#pragma once

#include <algorithm>

#include "kernels/base/threads.h"
#include "kernels/batch_norm/training.h"

namespace sf {

// Pixels [first, first + count), all of one split.
struct PixelBlock {
  int64_t first, count;
  int split;
};

class PixelBlocks {
 public:
  // Blocks of about `elements` elements. Without splits they may reach over samples.
  PixelBlocks(const BatchNormTrainingProblem& p, int64_t elements)
      : splits_(p.splits),
        runs_(p.splits == 1 ? 1 : p.samples),
        run_pixels_(p.pixels() / runs_),
        block_(std::max<int64_t>(1, elements / p.c)),
        per_run_((run_pixels_ + block_ - 1) / block_) {}

  int64_t size() const { return runs_ * per_run_; }

  PixelBlock operator[](int64_t i) const {
    const int64_t run = i / per_run_, offset = i % per_run_ * block_;
    return {run * run_pixels_ + offset, std::min(block_, run_pixels_ - offset), int(run % splits_)};
  }

 private:
  int splits_;
  int64_t runs_, run_pixels_, block_, per_run_;
};

// Blocks for sums: large enough that the sums of a block, 2 c values, are few against its pixels.
inline PixelBlocks sum_blocks(const BatchNormTrainingProblem& p) {
  return {p, std::max<int64_t>(1 << 16, p.pixels() * p.c / 128)};
}

inline size_t sums_workspace_bytes(const BatchNormTrainingProblem& p) {
  return size_t(sum_blocks(p).size()) * 2 * size_t(p.c) * sizeof(double);
}

// sum_block(block, partial) fills the 2 c sums of one block; their totals for each split and
// channel go to `sums`. The workspace has sums_workspace_bytes().
template <class F>
void sum_in_blocks(const BatchNormTrainingProblem& p, double* workspace, double* sums,
                   const F& sum_block) {
  const PixelBlocks blocks = sum_blocks(p);
  const int64_t c = p.c, width = 2 * c, values = p.splits * c;
  parallel_for(blocks.size(), 1, [&](int64_t i) { sum_block(blocks[i], workspace + i * width); });
  constexpr int64_t kChannels = 256;
  const int64_t chunks = (c + kChannels - 1) / kChannels;
  parallel_for(2 * chunks, 1, [&](int64_t task) {
    const int64_t half = task / chunks, first = task % chunks * kChannels;
    const int64_t n = std::min(kChannels, c - first);
    double* totals = sums + half * values + first;
    for (int split = 0; split < p.splits; ++split) std::fill_n(totals + split * c, n, 0.0);
    for (int64_t i = 0; i < blocks.size(); ++i) {
      const double* partial = workspace + i * width + half * c + first;
      double* total = totals + blocks[i].split * c;
      for (int64_t j = 0; j < n; ++j) total[j] += partial[j];
    }
  });
}

// Pixels first + stream * distance + row, for stream < streams and row < rows.
struct PixelGroup {
  int64_t first, distance;
  int streams, rows;
};

// f(group) for groups that cover the pixels [0, count) of c channels. What f keeps for each channel
// is loaded and stored once for all pixels of a group. A group takes its rows from several streams,
// far enough from each other that each is read in sequence, which memory prefetchers want.
template <class F>
void for_pixel_groups(int64_t count, int c, const F& f) {
  constexpr int kStreams = 4;
  const int rows = std::clamp(128 / c, 1, 8);
  const int64_t distance = count / kStreams / rows * rows;
  for (int64_t i = 0; i < distance; i += rows) f(PixelGroup{i, distance, kStreams, rows});
  for (int64_t i = kStreams * distance; i < count; i += rows)
    f(PixelGroup{i, 0, 1, int(std::min<int64_t>(rows, count - i))});
}

}  // namespace sf
