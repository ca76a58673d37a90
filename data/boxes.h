// Boxes of persons in pictures that are resized, cut and mirrored.
#pragma once

#include <array>

#include "data/random_spatial.h"

namespace sf {

// Left, top, right, bottom.
using BoxCorners = std::array<double, 4>;

// Every coordinate moved into [0, side - 1].
BoxCorners clipped(const BoxCorners& box, PictureSize picture);

// Where a box, given as shares of the sides of a picture of size `source`, lies in pixels of what
// `choice` makes of the whole picture. As in the original, both axes are scaled by the ratio of the
// long sides, and mirrored coordinates are width - x - 1. A box that was cut away keeps no area.
BoxCorners fitted_box(const BoxCorners& shares, PictureSize source, const SpatialChoice& choice);

}  // namespace sf
