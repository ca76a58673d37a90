// Video files from pictures, through FFmpeg.
#pragma once

#include <filesystem>
#include <memory>

#include "data/picture.h"

namespace sf {

struct VideoWriterOptions {
  int width = 0;   // even
  int height = 0;  // even
  int fps_num = 30;
  int fps_den = 1;
  int quality = 20;  // x264's constant rate factor: 0 keeps most, 51 least
  // Most frames from one key frame to the next; 0: the encoder's choice.
  int key_frame_interval = 0;
  // Of H.264 alone:
  bool open_groups = false;    // frames before a key frame may refer to it
  bool fast_decoding = false;  // without what makes decoding slow (x264's "fastdecode")
};

// Encodes H.264 where FFmpeg has libx264, else MPEG-4 part 2. The container follows from the ending
// of the name (.mp4, .mkv, .avi). The same pictures give the same bytes. The file is written under
// another name in the same folder and renamed by finish(); without it, nothing stays. Errors throw
// sf::Error with the path. One thread at a time.
class VideoWriter {
 public:
  VideoWriter(const std::filesystem::path& path, const VideoWriterOptions& options);
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;
  ~VideoWriter();

  // Appends a picture of the size of the video.
  void write(const Picture& picture);
  // Call once, after the last picture.
  void finish();

 private:
  class Encoder;
  std::unique_ptr<Encoder> encoder_;
};

}  // namespace sf
