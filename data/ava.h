// AVA-style data sets: frame lists, and boxes of persons with labels at key frames.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/key_frame.h"
#include "data/text_lines.h"

namespace sf {

struct AvaOptions {
  std::vector<std::filesystem::path> frame_lists = {};
  std::filesystem::path frame_folder = {};              // of the paths in the lists
  std::vector<std::filesystem::path> annotations = {};  // files of boxes
  std::vector<std::filesystem::path> detections = {};   // files of boxes with scores
  double least_score = 0.9;                             // of a detection that counts
  int64_t every = 1;                          // takes the seconds that are a multiple of it
  int64_t num_classes = 80;                   // labels are held to [1, num_classes]
  double fps = 30;                            // of the frame lists
  int64_t start_second = 900;                 // of frame 0
  std::array<int64_t, 2> seconds{902, 1798};  // first and last that have key frames
  Report report = {};  // takes what is wrong with rows, which are left out then
};

// Frame lists have a header and rows "video number frame path labels", of which video and path
// count: the frames of a video in the order of their rows. A single row whose path does not end in
// .jpg or .jpeg names a video file.
//
// Files of boxes have rows "video,second,left,top,right,bottom,label[,score]". Boxes of a second
// with the same four texts as coordinates are one, with the labels of all; a row without a label,
// or with -1, only adds the box. The key frames are the seconds with boxes, video after video in
// the order of the frame lists, each in the order of time.
//
// Throws with file and line for rows of another form and for seconds and labels that are not in
// their range. Videos without frames or boxes are left out.
class AvaDataset final : public Dataset {
 public:
  explicit AvaDataset(const AvaOptions& options);

  // Of key frames.
  int64_t size() const override { return int64_t(key_frames_.size()); }
  // The video of a key frame; its path is that of the first frame.
  const VideoItem& video(int64_t index) const override;
  const KeyFrame* key_frame(int64_t index) const override;
  std::vector<std::string> warnings() const override { return warnings_; }

  // By the number of the video.
  const std::string& video_name(int64_t video) const { return names_.at(size_t(video)); }
  // Of all videos.
  int64_t frame_paths() const;
  // Null if no list names the video.
  const FrameList* frames(std::string_view video) const;

 private:
  // The boxes of a second, by the text of their coordinates, in the order of the file.
  struct Second {
    std::vector<LabelledBox> boxes;
    std::map<std::string, size_t, std::less<>> places;
  };
  using Seconds = std::map<std::pair<int64_t, int64_t>, Second>;  // by video and second

  void read_frames(const std::filesystem::path& list);
  void read_boxes(const std::filesystem::path& file, bool detected, Seconds& seconds);

  AvaOptions options_;
  std::map<std::string, int64_t, std::less<>> videos_;  // numbers by name
  std::vector<std::string> names_;
  std::vector<FrameList> frames_;  // of each video
  std::vector<VideoItem> items_;
  std::vector<KeyFrame> key_frames_;
  std::vector<std::string> warnings_;
};

// The lists that AVA's section of the configuration names; all detections in tests, in validation
// every fourth second unless AVA.FULL_TEST_ON_VAL.
AvaOptions ava_options(const Config& config, Split split);
std::unique_ptr<Dataset> make_ava(Split split, const Config& config);

}  // namespace sf
