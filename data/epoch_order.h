// Which videos the batches of an epoch take.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sf {

// The videos of one batch and the side of their crops.
struct BatchShape {
  int64_t videos = 8;
  int crop = 224;  // 0: whole pictures
};

// Part of an epoch's order.
struct BatchRange {
  int64_t first = 0;
  int64_t videos = 0;
  int crop = 0;
};

// Cuts an epoch of `videos` into batches of the shapes in turn. An incomplete last batch is left
// out if drop_last, unless it is the only one. Throws if there is no shape or one is not sound.
std::vector<BatchRange> cut_epoch(int64_t videos, std::span<const BatchShape> shapes,
                                  bool drop_last);

}  // namespace sf
