// Boxes at every frame from boxes at some.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "data/box_file.h"

namespace sf {

// A box at one frame.
struct TrackedBox {
  BoxCorners box{};
  size_t key = 0;    // the number of the nearest of the boxes it was made of
  size_t track = 0;  // the same number for the same person
};

// The share of their union that two boxes have in common.
double intersection_over_union(const BoxCorners& a, const BoxCorners& b);

// Links boxes of key frames that follow each other: those with the same person, and of those
// without one each with the box that it overlaps most, if by more than 0.3 of their union, largest
// overlaps first. Between linked boxes all four edges move evenly. A box stays as it is, to the
// side on which it is not linked, for half the time to the next key frame there is. Key frames
// further apart than twice the median distance are not linked, and nothing stays for longer than
// half that distance; a single key frame is shown alone.
class BoxTracks {
 public:
  // Sorted by frame, as read_box_file() gives them.
  explicit BoxTracks(std::vector<KeyBox> boxes);

  const std::vector<KeyBox>& boxes() const { return boxes_; }
  // In the order of their tracks.
  std::vector<TrackedBox> at(double frame) const;

 private:
  struct Range {
    size_t begin, end;
  };  // of boxes with the same frame

  void link(Range from, Range to);
  double distance(size_t range) const;  // to the key frame after it

  static constexpr size_t kNone = size_t(-1);
  std::vector<KeyBox> boxes_;
  std::vector<Range> keys_;
  std::vector<size_t> next_, previous_, track_;  // of each box; kNone where it is not linked
  double usual_ = 0;                             // median distance of key frames
};

}  // namespace sf
