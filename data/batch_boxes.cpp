#include "data/batch_boxes.h"

#include <algorithm>
#include <bit>

namespace sf {

int64_t box_capacity(int64_t count) {
  return int64_t(std::bit_ceil(uint64_t(std::max<int64_t>(count, 4))));
}

BatchBoxes join_boxes(std::span<const ClipBoxes> clips, int64_t num_classes) {
  BatchBoxes all;
  for (const ClipBoxes& clip : clips) all.count += int64_t(clip.corners.size());
  const int64_t rows = box_capacity(all.count);
  all.boxes = Tensor({Shape{rows, 5}, DType::f32});
  all.labels = Tensor({Shape{rows, num_classes}, DType::f32});
  all.originals = Tensor({Shape{rows, 4}, DType::f32});
  all.places = Tensor({Shape{rows, 2}, DType::i64});
  const auto boxes = all.boxes.span<float>(), labels = all.labels.span<float>(),
             originals = all.originals.span<float>();
  const auto places = all.places.span<int64_t>();
  for (const auto& values : {boxes, labels, originals}) std::ranges::fill(values, 0.f);
  std::ranges::fill(places, -1);
  for (size_t row = 0; row < size_t(rows); ++row) boxes[row * 5] = -1;

  size_t row = 0;
  for (size_t c = 0; c < clips.size(); ++c) {
    for (size_t i = 0; i < clips[c].corners.size(); ++i, ++row) {
      const KeyFrame& key_frame = *clips[c].key_frame;
      const LabelledBox& listed = key_frame.boxes[i];
      boxes[row * 5] = float(c);
      for (size_t side = 0; side < 4; ++side) {
        boxes[row * 5 + 1 + side] = float(clips[c].corners[i][side]);
        originals[row * 4 + side] = float(listed.box[side]);
      }
      for (int64_t label : listed.labels) labels[row * size_t(num_classes) + size_t(label - 1)] = 1;
      places[row * 2] = key_frame.video;
      places[row * 2 + 1] = key_frame.second;
    }
  }
  return all;
}

}  // namespace sf
