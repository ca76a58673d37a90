// Random crops of training clips.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "data/spatial.h"
#include "kernels/base/counter_rng.h"

namespace sf {

// `from` of a picture is resized to `size`, of which `crop` is kept, mirrored if `mirror`.
struct SpatialChoice {
  Box from;
  PictureSize size;
  Box crop;
  bool mirror = false;
  friend bool operator==(const SpatialChoice&, const SpatialChoice&) = default;
};

// Ranges of a crop's share of the picture's area and of its width over its height.
struct RelativeCrop {
  std::array<double, 2> scale{0.08, 1.0};
  std::array<double, 2> aspect{0.75, 4.0 / 3.0};
  bool motion_shift = false;  // from one random box at the first frame to another at the last
};

struct SpatialJitter {
  int min_short_side = 256;  // the short side is drawn from this range ...
  int max_short_side = 320;
  bool inverse_uniform = false;               // ... or its inverse is
  bool flip = true;                           // mirror every other clip
  std::optional<RelativeCrop> relative = {};  // instead of the range of the short side
};

// A short side from the range, by a draw from [0, 1). Rounds halves to even.
int jittered_short_side(const SpatialJitter& jitter, double draw);

// A square crop at a random place. As in the original, its last place is never taken.
Box random_crop(PictureSize picture, int size, double draw_y, double draw_x);

// A box within the picture of a random area and shape: the first of ten that fits, else the largest
// one in the middle whose shape is in the range.
Box random_relative_box(PictureSize picture, const RelativeCrop& crop, const CounterRng& rng);

// The choice for each of `frames` frames of a clip, or one for all of them, for square results of
// `crop` pixels. Throws if the crop is larger than the short side can become.
std::vector<SpatialChoice> random_spatial(const SpatialJitter& jitter, PictureSize picture,
                                          int crop, int64_t frames, const CounterRng& rng);

}  // namespace sf
