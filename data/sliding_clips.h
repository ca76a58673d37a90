// Clips that follow one another through a whole video.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/test_loader.h"
#include "data/video_reader.h"

namespace sf {

// Windows of `clip` frames over a video of `frames` frames. Each starts `overlap` frames before the
// end of the one before; the last is moved back to end with the video. A video that is shorter than
// a clip has one window. Throws unless 0 <= overlap <= clip / 2.
std::vector<Window> sliding_windows(double frames, double clip, double overlap);

// Reads the clips of one video in one pass, with the frames and pixels that a test takes of a view.
// One thread at a time.
class SlidingClips {
 public:
  // Of the options count sampling, crops, short_side, crop_size, normalization, alpha, workers (of
  // the decoder) and the time limit, which each call of next() has. Throws for files without frames
  // or a frame rate.
  SlidingClips(const std::filesystem::path& path, const TestLoaderOptions& options,
               double overlap = 0);

  struct Clip {
    Window window;                           // in frames of the video
    std::vector<std::vector<Tensor>> crops;  // of each its pathways, as in TestItem
  };
  // Empty after the last.
  std::optional<Clip> next();

  const VideoInfo& info() const { return reader_.info(); }
  // What the file promises, until a call of next() finds that it has fewer.
  int64_t frames() const { return frames_; }
  int64_t clips() const { return int64_t(windows_.size()); }

 private:
  struct Open {
    std::vector<int64_t> frames;  // ascending
    std::vector<Tensor> crops;    // f32 T H W C
  };

  void plan(int64_t frames);
  std::vector<int64_t> frames_of(size_t clip) const;
  void open_until(int64_t frame);
  void write(const Picture& picture, int64_t frame);
  bool read_until(int64_t frame);

  std::string path_;
  TestLoaderOptions options_;
  double clip_ = 0, overlap_ = 0;  // lengths
  VideoReader reader_;
  std::vector<Resampler> resamplers_;  // one a crop
  int64_t frames_ = 0;
  std::vector<Window> windows_;
  std::deque<Open> open_;  // the clip next_ and those after it that begin before it ends
  size_t next_ = 0;
  int64_t read_ = 0;  // frames before this one are in the open clips
};

}  // namespace sf
