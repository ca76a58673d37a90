// How the CPU's Winograd stem cuts a convolution into tasks, and where what a task works on lies.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/divide_up.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/conv3d.h"

namespace sf {

// Tiles of 4 x 4 outputs see 13 x 13 pixels. A task is a row of tiles through a span of output
// frames of a clip, a group of tiles after the other. What a group sees of a frame of x is
// transformed once, to windows at 7 x 7 positions: [position][frame][value][tile]. At the first six
// positions of an axis even and odd pixels meet, the last one even pixels have alone; so a frame
// has up to 4 channels values at a position, and those of an output frame are one sequence.
struct StemTiles {
  static constexpr int kTaps = 7, kStride = 2;       // along H and W
  static constexpr int kOut = 4, kPixels = 8;        // outputs of a tile, pixels from tile to tile
  static constexpr int kIn = 13;                     // pixels that a tile sees
  static constexpr int kPositions = 7, kShared = 6;  // of an axis; shared ones first
  static constexpr int kTiles = 16;                  // that a group has room for
  static constexpr int kChannels = 8;                // of outputs that become pixels together
  // Pixels that a group sees, and the least distance of its planes: a tile sees into the next one.
  static constexpr int kSeen = (kTiles - 1) * kPixels + kIn, kPlane = 2 * kTiles;

  int channels, taps;     // of a pixel of x; along time
  int rows;               // of tiles
  EvenParts groups;       // of the tiles of a row
  EvenParts spans;        // of the output frames of a clip
  int64_t line;           // floats from a row of what a group sees to the next one
  int64_t position_sums;  // floats from a group's sums at a position to those at the next
  int slots;              // threads with memory each

  StemTiles(const Conv3dProblem& p, int threads)
      : channels(p.c),
        taps(p.kt),
        rows(divide_up(p.out_h(), kOut)),
        groups(divide_up(p.out_w(), kOut), kTiles, 1),
        spans(spans_of(p, int64_t{p.n} * rows, threads)),
        line(kSeen * p.x_pitch + kTiles),
        // Not a multiple of many cache lines, where positions would fall on each other.
        position_sums(kTiles * (p.k + 1)),
        slots(threads) {}

  // Values of a frame's window at a position, and at all positions before.
  static int parities(int position) { return position < kShared ? 2 : 1; }
  int values(int h, int w) const { return parities(h) * parities(w) * channels; }
  int64_t values_before(int h, int w) const {
    return int64_t{channels} * (kIn * 2 * h + parities(h) * 2 * w);
  }
  int64_t values() const { return int64_t{kIn} * kIn * channels; }
  // Frames lie in a ring, each of them twice, so that those that an output frame sees follow each
  // other.
  int64_t frames() const { return taps == 1 ? 1 : 2 * taps; }

  int64_t windows_floats() const { return values() * frames() * kTiles; }
  int64_t sums_floats() const { return kPositions * kPositions * position_sums; }
  int64_t lines_floats() const { return kIn * line; }
  int64_t planes_floats() const { return int64_t{kPixels} * channels * kPlane; }
  int64_t outputs_floats() const { return kOut * kChannels * kOut * kTiles; }
  SlotMemory<float> memory() const {
    return SlotMemory<float>(windows_floats() + sums_floats() + lines_floats() + planes_floats() +
                             line + outputs_floats());
  }

 private:
  // Neighbouring spans transform some frames twice: more than one where tasks would be few.
  static EvenParts spans_of(const Conv3dProblem& p, int64_t tasks, int threads) {
    constexpr int64_t kTasksOfAThread = 4;
    const int64_t wanted = kTasksOfAThread * threads / std::max<int64_t>(tasks, 1);
    return {p.out_t(), divide_up(p.out_t(), int(std::max<int64_t>(wanted, 1))), 1};
  }
};

}  // namespace sf
