// How the CPU's stem rows cut a convolution into tasks, and where what a task works on lies.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/base/divide_up.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/conv3d.h"

namespace sf {

// A task is a strip of output rows through a span of output frames of a clip. Its frames of x lie
// as [row][phase][channel][column]: with stride s along W, column j of phase i is column j s + i -
// pad of x, so that what neighbouring outputs see at a tap are neighbours too.
struct StemStrips {
  static constexpr int kChannels = 8;   // of the output, summed at a time
  static constexpr int kMostTaps = 16;  // along time

  int frames;     // of x that a frame of the output sees
  int slots;      // threads with memory each
  int64_t pitch;  // floats from a channel's columns to the next one's
  int64_t row_floats, frame_floats = 0;
  int rows = 0, in_rows = 0;  // of a strip: of the output, of x
  int span = 0;               // output frames
  int64_t strips = 0, spans = 0;
  std::vector<int> window;  // where the values of a window in a frame lie, from its corner on

  StemStrips(const Conv3dProblem& p, int threads)
      : frames(p.kt),
        slots(threads),
        pitch(round_up(p.out_w(), kMostLanes) + round_up((p.kw - 1) / p.stride[2], kMostLanes)),
        row_floats(pitch * p.stride[2] * p.c) {
    // Neighbouring strips split some rows of x twice, neighbouring spans some frames.
    constexpr int kFewestRows = 4, kTasksOfASlot = 4;
    const int64_t wanted = divide_up(kTasksOfASlot * slots, std::max(p.n, 1));  // tasks of a clip
    const int64_t fewest = std::min(kFewestRows, p.out_h());
    rows = int(std::clamp(p.out_h() / wanted, fewest, std::max(fewest, rows_in_cache(p))));
    strips = divide_up(p.out_h(), rows);
    rows = int(divide_up(p.out_h(), strips));
    in_rows = (rows - 1) * p.stride[1] + p.kh;
    // A cache line apart from multiples of a page, frames do not fall on each other in the caches.
    frame_floats = in_rows * row_floats + kMostLanes;
    span = int(divide_up(p.out_t(), divide_up(wanted, strips)));
    spans = divide_up(p.out_t(), span);
    for (int h = 0; h < p.kh; ++h)
      for (int w = 0; w < p.kw; ++w)
        for (int c = 0; c < p.c; ++c)
          window.push_back(
              int(h * row_floats + (w % p.stride[2] * p.c + c) * pitch + w / p.stride[2]));
  }

  int64_t tasks(int64_t clips) const { return clips * spans * strips; }
  // What a slot has: frames of x, sums of a row.
  SlotMemory<float> memory() const {
    return SlotMemory<float>(frames * frame_floats + kChannels * pitch);
  }

 private:
  static constexpr int kMostLanes = 16;

  static int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }

  int64_t rows_in_cache(const Conv3dProblem& p) const {
    constexpr int64_t kFloats = 1 << 18;  // a second-level cache of 1 MiB
    return (kFloats / (frames * row_floats) - p.kh) / p.stride[1] + 1;
  }
};

}  // namespace sf
