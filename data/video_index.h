// Where the frames of a video file lie. For the sources of the video reader only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/demuxer.h"
#include "data/video_reader.h"

namespace sf {

// The presentation times of all frames, which are distinct; few bytes where the rate is constant.
class FrameTimes {
 public:
  FrameTimes() = default;
  // Ascending and distinct, over less than 2^32 units.
  explicit FrameTimes(std::span<const int64_t> times);

  int64_t size() const { return size_; }
  // The number of the frame of that time; empty if there is none.
  std::optional<int64_t> frame_at(int64_t time) const;
  size_t bytes() const { return offsets_.size() * sizeof(uint32_t); }

 private:
  int64_t size_ = 0;
  int64_t first_ = 0;
  int64_t step_ = 0;               // of a constant rate; 0: see offsets_
  std::vector<uint32_t> offsets_;  // from first_
};

// A frame that can be decoded without those before it, as can all that follow it in the order of
// presentation.
struct DecodingStart {
  int64_t frame = 0;  // its number
  int64_t presentation_time = 0;
  int64_t decoding_time = 0;  // presentation_time if the container states none
};

// What one pass over the packets of a file tells. Immutable.
class VideoIndex {
 public:
  // Takes the packets of a stream that was probed.
  VideoIndex(Demuxer& demuxer, const VideoInfo& info, AVPacket* packet);

  FileVersion version() const { return version_; }
  const VideoInfo& info() const { return info_; }
  // The number of the stream where reading the header makes it ready; empty where it takes
  // Demuxer::probe().
  std::optional<int> ready_stream() const { return ready_stream_; }
  const AVCodecParameters& parameters() const { return *parameters_; }

  // How many packets hold a frame that is shown.
  int64_t frames() const { return frames_; }
  const FrameTimes& times() const { return times_; }
  // The last key frame that is not after that frame; null if decoding must start at the beginning
  // of the file, because its times or its container do not tell frames apart.
  const DecodingStart* key_frame_before(int64_t frame) const;
  // The key frame of that time; null if there is none.
  const DecodingStart* key_frame_at(int64_t presentation_time) const;

  // Memory, about.
  size_t bytes() const;

 private:
  FileVersion version_;
  VideoInfo info_;
  std::optional<int> ready_stream_;
  ParametersHandle parameters_;
  int64_t frames_ = 0;
  FrameTimes times_;
  std::vector<DecodingStart> keys_;  // ascending
};

}  // namespace sf
