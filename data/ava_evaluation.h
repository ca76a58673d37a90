// How well detections agree with annotated boxes: AVA's official mean average precision.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "data/ava_rows.h"

namespace sf {

struct AvaBox {
  BoxCorners box{};
  int64_t label = 0;
  double score = 1;
};

// The boxes of each key frame. Key frames and their boxes keep the order in which they came.
class AvaBoxes {
 public:
  struct Frame {
    VideoSecond key;
    std::vector<AvaBox> boxes;
  };

  void add(const VideoSecond& key, const AvaBox& box);
  // Of one detected person: a box for each class with its score, those of `scores` beginning with
  // label 1. Throws if a class has no score.
  void add(const VideoSecond& key, const BoxCorners& box, std::span<const float> scores,
           std::span<const AvaClass> classes);

  const std::vector<Frame>& frames() const { return frames_; }

 private:
  Frame& frame(const VideoSecond& key);

  std::vector<Frame> frames_;
  std::map<VideoSecond, size_t> places_;
};

enum class AvaFile { truth, detections };  // detections have scores

// Reads rows of boxes of seconds that are a multiple of `every`. Throws with file and line for rows
// of another form, without a label, and annotated boxes whose right or bottom lies before their
// left or top.
AvaBoxes read_ava_boxes(const std::filesystem::path& file, AvaFile kind, int64_t every = 1);

// Replaces the file by rows video,second,left,top,right,bottom,label,score with 3 and 4 decimals,
// the second with 4 digits.
void write_ava_boxes(const std::filesystem::path& file, const AvaBoxes& boxes);

// The labels of the boxes, ascending, named "class N".
std::vector<AvaClass> classes_of(const AvaBoxes& boxes);

struct AvaClassScore {
  AvaClass label;
  int64_t truths = 0;
  int64_t detections = 0;
  double average_precision = 0;  // not a number for a class without annotated boxes
};

struct AvaScore {
  std::vector<AvaClassScore> classes;  // in the order of the given ones
  double mean = 0;           // over the classes with annotated boxes; NaN if there are none
  int64_t truth_frames = 0;  // key frames with annotated boxes
  int64_t detection_frames = 0;
};

// The average precision of PASCAL VOC (all points) at an intersection over union of 0.5. Boxes of
// other classes and of excluded key frames do not count. As in the original, detections of a key
// frame are matched in their order, not by score: each is right if the annotated box of its class
// that it overlaps most does so by at least a half and was not matched before. Detections without
// area are left out; those on key frames without annotations are wrong. Of equal scores the later
// one ranks first.
AvaScore evaluate_ava(const AvaBoxes& truth, const AvaBoxes& detections,
                      std::span<const AvaClass> classes, const std::set<VideoSecond>& excluded);

}  // namespace sf
