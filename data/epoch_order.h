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

// Ranks that share batches out: each takes the one of `ranks` equal, consecutive parts with its
// number.
struct BatchPart {
  int rank = 0;
  int ranks = 1;
  bool repeat = false;  // videos, so that the parts of an incomplete last batch are equal too
};

// Part of an epoch's order.
struct BatchRange {
  int64_t first = 0;
  int64_t videos = 0;
  int crop = 0;
};

// Cuts an epoch of `videos` into batches of the shapes in turn, and gives that part of each. An
// incomplete last batch is left out if drop_last, unless it is the only one; its parts are those of
// a whole batch as far as it goes, so that the last ones may be smaller, or empty, or with
// `repeat` equal, counting on behind `videos`. Throws if there is no shape or one is not sound,
// also where the ranks do not divide it.
std::vector<BatchRange> cut_epoch(int64_t videos, std::span<const BatchShape> shapes,
                                  bool drop_last, const BatchPart& part = {});

}  // namespace sf
