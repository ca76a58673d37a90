#include "data/ava.h"

#include <cmath>
#include <filesystem>

#include "data/ava_rows.h"
#include "kernels/base/error.h"
#include "tensor/mapped_file.h"

namespace sf {

AvaDataset::AvaDataset(const AvaOptions& options) : options_(options) {
  const AvaOptions& o = options_;
  SF_CHECK(o.num_classes > 0 && o.every > 0 && std::isfinite(o.fps) && o.fps > 0 && o.fps <= 1e6,
           "AVA: wanted positive classes, seconds and frames a second, found ", o.num_classes, ", ",
           o.every, " and ", o.fps);
  for (const auto& list : o.frame_lists) read_frames(list);
  SF_CHECK(!names_.empty(), "AVA: wanted frame lists of at least one video, found none");
  Seconds seconds;
  for (const auto& file : o.annotations) read_boxes(file, false, seconds);
  for (const auto& file : o.detections) read_boxes(file, true, seconds);
  for (auto& [key, second] : seconds) {
    const auto [video, number] = key;
    key_frames_.push_back({.video = video,
                           .second = number,
                           .frame = std::llround(double(number - o.start_second) * o.fps),
                           .frames = &frames_[size_t(video)],
                           .boxes = std::move(second.boxes)});
  }
  SF_CHECK(!key_frames_.empty(), "AVA: wanted boxes in videos of the frame lists, found none");
  for (const FrameList& frames : frames_) {
    VideoItem item{.path = frames.path(0).string()};
    const auto needed = frames.is_video_file() ? frames.path(0) : frames.path(0).parent_path();
    std::error_code ignored;
    if (!needed.empty() && !std::filesystem::exists(needed, ignored))
      item.fault = needed.string() + ": not found";
    items_.push_back(std::move(item));
  }
}

void AvaDataset::read_frames(const std::filesystem::path& list) {
  int64_t video = -1;
  const auto add = [&](const TextLine&, const FrameRow& row) {
    if (video < 0 || names_[size_t(video)] != row.video) {
      const auto [at, added] = videos_.emplace(row.video, int64_t(names_.size()));
      video = at->second;
      if (added) {
        names_.emplace_back(row.video);
        frames_.emplace_back(options_.frame_folder, options_.fps);
      }
    }
    frames_[size_t(video)].add(row.path);
  };
  for_each_frame(list, add, options_.report);
}

void AvaDataset::read_boxes(const std::filesystem::path& file, bool detected, Seconds& seconds) {
  int64_t unknown = 0;
  std::string first_unknown;
  const auto add = [&](const TextLine& line) {
    const AvaRow row = parse_ava_row(line, detected);
    if (detected && *row.score < options_.least_score) return;
    if (row.second % options_.every != 0) return;
    const auto [first, last] = options_.seconds;
    SF_CHECK(row.second >= first && row.second <= last, line, ": wanted a second in [", first, ", ",
             last, "], found ", row.second);
    const int64_t label = row.label.value_or(-1);
    SF_CHECK(label == -1 || (label >= 1 && label <= options_.num_classes), line,
             ": wanted a label in [1, ", options_.num_classes, "], found ", label);
    const auto video = videos_.find(row.video);
    if (video == videos_.end()) {
      if (unknown++ == 0) first_unknown = cat(line, ": ", printable(row.video));
      return;
    }
    Second& second = seconds[{video->second, row.second}];
    const auto [at, added] = second.places.emplace(row.box_text, second.boxes.size());
    if (added) second.boxes.push_back({.box = row.box, .labels = {}});
    if (label != -1) second.boxes[at->second].labels.push_back(label);
  };
  for_each_line(file, "a file of boxes", add, options_.report);
  if (unknown > 0)
    warnings_.push_back(cat(first_unknown, ": is in no frame list, as ", unknown,
                            unknown == 1 ? " row" : " rows", " of this file"));
}

int64_t AvaDataset::frame_paths() const {
  int64_t paths = 0;
  for (const FrameList& frames : frames_) paths += frames.size();
  return paths;
}

const FrameList* AvaDataset::frames(std::string_view video) const {
  const auto at = videos_.find(video);
  return at == videos_.end() ? nullptr : &frames_[size_t(at->second)];
}

const KeyFrame* AvaDataset::key_frame(int64_t index) const {
  SF_CHECK(index >= 0 && index < size(), "data set: wanted a key frame in [0, ", size(),
           "), found ", index);
  return &key_frames_[size_t(index)];
}

const VideoItem& AvaDataset::video(int64_t index) const {
  return items_[size_t(key_frame(index)->video)];
}

}  // namespace sf
