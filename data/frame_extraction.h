// Videos as folders of JPEG pictures, as AVA's preparation wants them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sf {

struct FrameExtraction {
  std::filesystem::path dir = {};       // gets a folder NAME for each video NAME.mp4
  double fps = 30;                      // of the pictures
  double start = 0;                     // second of the video
  std::optional<double> duration = {};  // seconds; empty: to the end
  int quality = 95;                     // of JPEG
  double timeout_seconds = 60;          // of decoding what lies between some pictures
  std::function<void()> progress = {};  // after each video, under a lock
};

// Which frames of a video of that rate pictures at `fps` show, from `start` on: picture n the last
// frame that begins less than (n + 1/2) / fps seconds behind the start, as FFmpeg's constant rate
// has it. `count` of them, from picture `first` on, which rise.
std::vector<int64_t> resampled_frames(const FrameExtraction& options, double video_fps,
                                      int64_t first, int64_t count);

// The number of pictures of a video of `frames` frames.
int64_t resampled_count(const FrameExtraction& options, double video_fps, int64_t frames);

struct ExtractedVideo {
  int64_t pictures = 0;
  bool was_there = false;  // before this call
  std::string fault = {};  // not empty: why there are none
};

// Writes DIR/NAME/NAME_000001.jpg and so on, several videos at a time. A folder gets its name when
// all its pictures are written, so one that is there is whole and left as it is: the same call goes
// on after an interruption. One result a video. Throws if two videos have the same name or the
// options make no sense.
std::vector<ExtractedVideo> extract_frames(std::span<const std::filesystem::path> videos,
                                           const FrameExtraction& options);

}  // namespace sf
