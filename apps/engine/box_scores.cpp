#include "apps/engine/box_scores.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "apps/engine/key_frame_scores.h"
#include "apps/engine/results.h"
#include "data/key_frame.h"

namespace sf {
namespace {

// The frames of one video that have boxes. Their seconds are their numbers.
class VideoKeyFrames final : public Dataset {
 public:
  VideoKeyFrames(const std::filesystem::path& video, double list_fps, double video_fps,
                 std::span<const KeyBox> boxes)
      : frames_(video.parent_path(), list_fps), item_{.path = video.string()} {
    frames_.add(video.filename().string());
    SF_CHECK(frames_.is_video_file(), video.string(), ": wanted a video, found a picture");
    for (const KeyBox& box : boxes) {
      const int64_t frame = std::llround(box.frame * (list_fps / video_fps));
      if (key_frames_.empty() || box.frame != last_) {
        key_frames_.push_back(
            {.second = int64_t(key_frames_.size()), .frame = frame, .frames = &frames_});
        last_ = box.frame;
      }
      key_frames_.back().boxes.push_back({.box = box.box, .labels = {}});
    }
  }

  int64_t size() const override { return int64_t(key_frames_.size()); }
  const VideoItem& video(int64_t) const override { return item_; }
  const KeyFrame* key_frame(int64_t i) const override { return &key_frames_.at(size_t(i)); }

 private:
  FrameList frames_;
  VideoItem item_;
  std::vector<KeyFrame> key_frames_;
  double last_ = 0;
};

}  // namespace

std::vector<std::vector<float>> score_boxes(const Config& config, const Model& model,
                                            std::span<const Device> devices,
                                            const std::filesystem::path& video, double fps,
                                            std::span<const KeyBox> boxes) {
  const VideoKeyFrames dataset(video, config.get<double>("SF.AVA_FPS"), fps, boxes);
  std::vector<size_t> next;  // box of each key frame
  for (int64_t i = 0, first = 0; i < dataset.size(); ++i) {
    next.push_back(size_t(first));
    first += std::ssize(dataset.key_frame(i)->boxes);
  }
  std::vector<std::vector<float>> all(boxes.size());
  KeyFrameScores scores(config, model, devices, inference_options(config), dataset,
                        key_frame_loader_options(config, Split::test));
  scores.run([&](const ScoredBox& box) {
    all[next[size_t(box.second)]++].assign(box.scores.begin(), box.scores.end());
  });
  return all;
}

std::vector<std::string> box_labels(const Config& config, std::span<const float> scores,
                                    const std::vector<std::string>& class_names, size_t top) {
  const auto mode = config.get<std::string>("DEMO.VIS_MODE");
  SF_CHECK(mode == "thres" || mode == "top-k", "DEMO.VIS_MODE: wanted thres or top-k, found '",
           mode, "'");
  const auto common = config.get<std::vector<std::string>>("DEMO.COMMON_CLASS_NAMES");
  const auto least = [&](const std::string& name) {
    if (mode == "top-k") return -1.0;
    return config.get<double>(std::ranges::count(common, name) > 0 ? "DEMO.COMMON_CLASS_THRES"
                                                                   : "DEMO.UNCOMMON_CLASS_THRES");
  };
  std::vector<std::string> labels;
  for (const int64_t label : best_classes(scores, scores.size())) {
    if (labels.size() == top) break;
    const std::string name = class_name(class_names, label);
    const float score = scores[size_t(label)];
    if (score > least(name)) labels.push_back(fmt::format("{} {:.2f}", name, score));
  }
  return labels;
}

}  // namespace sf
