// How the CPU's stem of tiles cuts a convolution into tasks, and where what a task works on lies.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/threads.h"
#include "kernels/conv3d/conv3d.h"

namespace sf {

// A task is a strip of output rows of a frame. Its rows of x become planes, [pixel][channel][tile]:
// plane i holds pixel i of the windows of neighbouring tiles, which begin eight pixels apart.
// Planes become transformed windows, [position][row][value][tile]: at positions that even and odd
// pixels share a row has 2 channels values, at the last one, which even pixels have alone, as many
// as x has channels. So the window of an output row at a position is one sequence of values.
struct StemTiles {
  static constexpr int kTaps = 7;                    // along W
  static constexpr int kOut = 4, kPixels = 8;        // outputs of a tile, pixels from tile to tile
  static constexpr int kPositions = 7, kShared = 6;  // shared ones first

  int channels, taps;  // of a pixel of x; rows of a window
  int tiles;           // of a row
  int64_t pitch;       // floats from a value of all tiles to the next value
  EvenParts groups;    // of tiles whose sums stay near
  int64_t sums_pitch;  // floats from a tile's sums to the next tile's
  int rows, in_rows;   // of a strip: of y, of x
  int64_t strips;      // of a frame
  int slots;           // threads with memory each

  StemTiles(const Conv3dProblem& p, int threads)
      : channels(p.c),
        taps(p.kh),
        tiles((p.out_w() + kOut - 1) / kOut),
        pitch((tiles + kMostLanes - 1) / kMostLanes * kMostLanes),
        groups(tiles, kGroup, 1),
        sums_pitch(p.k + kMostLanes),
        slots(threads) {
    // Neighbouring strips transform some rows of x twice. Windows take half of a second-level cache
    // of 1 MiB, in floats.
    constexpr int64_t kFewestRows = 4, kTasksOfASlot = 4, kCache = 1 << 17;
    const int64_t maps = std::max<int64_t>(int64_t{p.n} * p.out_t(), 1);
    const int64_t wanted = (kTasksOfASlot * slots + maps - 1) / maps;
    const int64_t held = (kCache / row_floats() - p.kh) / p.stride[1] + 1;
    const int64_t fewest = std::min<int64_t>(kFewestRows, p.out_h());
    rows = int(std::clamp(p.out_h() / wanted, fewest, std::max(fewest, held)));
    strips = (p.out_h() + rows - 1) / rows;
    rows = int((p.out_h() + strips - 1) / strips);
    in_rows = (rows - 1) * p.stride[1] + p.kh;
  }

  // Values of a row of a window at a position.
  int values(int position) const { return position < kShared ? 2 * channels : channels; }
  int64_t depth(int position) const { return int64_t{taps} * values(position); }
  // Where a position's transformed windows and weights begin, in values of all tiles and of output
  // channels.
  int64_t first_value(int position) const { return int64_t{position} * in_rows * 2 * channels; }
  int64_t first_weight(int position) const { return int64_t{position} * taps * 2 * channels; }
  int64_t all_weights() const { return first_weight(kShared) + depth(kShared); }

  // Of a plane: a tile sees into the next one.
  int64_t columns() const { return pitch + kMostLanes; }
  int64_t windows_floats() const { return in_rows * row_floats(); }
  int64_t sums_floats() const { return kPositions * groups.largest() * sums_pitch; }
  int64_t planes_floats() const { return kPixels * channels * columns(); }
  int64_t scratch_floats() const { return 4 * columns(); }
  int64_t slot_floats() const {
    return windows_floats() + sums_floats() + planes_floats() + scratch_floats();
  }

 private:
  static constexpr int64_t kMostLanes = 16, kGroup = 14;

  int64_t row_floats() const { return (2 * kShared + 1) * channels * pitch; }
};

}  // namespace sf
