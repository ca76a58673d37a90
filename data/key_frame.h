// Key frames: the frames of a video that boxes of persons are listed for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/boxes.h"
#include "data/color_jitter.h"

namespace sf {

// The frames of a video, in order: JPEG pictures, or those of a video file.
class FrameList {
 public:
  // The paths are relative to the folder. `fps` is the rate at which frames are numbered.
  FrameList(std::filesystem::path folder, double fps) : folder_(std::move(folder)), fps_(fps) {}

  void add(std::string_view path);

  // How many paths there are.
  int64_t size() const { return int64_t(ends_.size()); }
  std::filesystem::path path(int64_t i) const;
  // Whether the only path does not end as those of JPEG pictures do.
  bool is_video_file() const;
  double fps() const { return fps_; }

 private:
  std::filesystem::path folder_;
  double fps_;
  std::string paths_;  // one after the other: data sets have millions of them
  std::vector<uint32_t> ends_;
};

struct LabelledBox {
  BoxCorners box{};             // as shares of the picture's sides
  std::vector<int64_t> labels;  // from 1
};

struct KeyFrame {
  int64_t video = 0;  // its number in the lists
  int64_t second = 0;
  int64_t frame = 0;                  // among the frames of the video, from 0
  const FrameList* frames = nullptr;  // of the video; lives as long as the data set
  std::vector<LabelledBox> boxes = {};
};

// How the clips around key frames are made.
struct KeyFrameOptions {
  // Which of the original's code is followed. cv2: 8-bit pictures are resized, PictureResizer.
  // pytorch: normalised ones are, Resampler.
  enum class Pictures { cv2, pytorch };
  enum class Crop { random, middle, none };

  Pictures pictures = Pictures::cv2;
  Crop crop = Crop::random;
  bool mirror = false;  // every clip, where the crop is not random
  std::optional<ColorAugmentation> colors = {};
  int64_t num_classes = 80;  // of the labels
};

}  // namespace sf
