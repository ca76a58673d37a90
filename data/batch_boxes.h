// The boxes of a batch of clips around key frames.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/key_frame.h"
#include "tensor/tensor.h"

namespace sf {

// Those of one clip.
struct ClipBoxes {
  const KeyFrame* key_frame = nullptr;   // null: the clip could not be read
  std::vector<BoxCorners> corners = {};  // of its boxes, in pixels of the network's input
};

// Row i of each tensor is box i, clip after clip. There are more rows than boxes, so that batches
// with other numbers of boxes have the same shapes; the rows without a box come last.
struct BatchBoxes {
  Tensor boxes;       // f32 rows x 5: clip in the batch, then left, top, right, bottom in pixels of
                      // the network's input; -1 0 0 0 0 without a box
  Tensor labels;      // f32 rows x classes: 1 for a label of the box, else 0
  Tensor originals;   // f32 rows x 4: left, top, right, bottom as listed, in shares
  Tensor places;      // i64 rows x 2: number of the video and second; -1 -1 without a box
  int64_t count = 0;  // of boxes
};

// Rows for `count` boxes: a power of two, at least 4.
int64_t box_capacity(int64_t count);

BatchBoxes join_boxes(std::span<const ClipBoxes> clips, int64_t num_classes);

}  // namespace sf
