// Decoded frames of video files, through FFmpeg.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "data/batch_memory.h"
#include "data/picture.h"
#include "tensor/device_queue.h"
#include "tensor/tensor.h"

namespace sf {

class KeptDecoders;
class VideoIndex;

struct VideoReaderOptions {
  int threads = 1;  // of the decoder; the frames do not depend on it
  double timeout_seconds =
      60;  // wall-clock limit of each call of the reader, the constructor included
  int64_t max_pixels = int64_t(1) << 26;  // of a frame; files that claim larger ones are refused
  std::stop_token cancel = {};            // a request ends the call that is running with sf::Error
  std::shared_ptr<const VideoIndex> index = {};  // of the same file, from VideoReader::index(): it
                                                 // opens faster; ignored if the file has changed
  // Where pictures lie. On a CUDA device its decoder decodes what it takes; what it does not, the
  // CPU decodes, with a warning, and copies there. On simt the CPU decodes.
  BatchMemory pictures = BatchMemory(0);
  std::shared_ptr<KeptDecoders> decoders = {};  // where it takes one from and leaves it; null:
                                                // opens one of its own
};

struct VideoInfo {
  double fps = 0;   // average rate; 0 if the file does not say
  int fps_num = 0;  // the same as a fraction
  int fps_den = 1;
  int width = 0;  // as stored: rotation metadata is ignored
  int height = 0;
  std::string codec = {};
};

// Frames are numbered in presentation order over all frames that decode, as if the whole file had
// been decoded. Every call throws sf::Error, with the path, if the file cannot be read or time runs
// out; after that the next call starts at the beginning of the file. Only regular files are opened,
// and nothing that they refer to. One thread at a time per reader.
class VideoReader {
 public:
  // Opens the first video stream. Throws if there is none.
  explicit VideoReader(const std::filesystem::path& path, VideoReaderOptions options = {});
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;
  ~VideoReader();

  const VideoInfo& info() const;

  // The number of frames that the container promises, from its header or, where that is silent, by
  // counting packets. Cheap, and equal to frame_count() for intact files.
  int64_t expected_frames();

  // Where the file's frames lie. Reads all its packets on the first call, without decoding them.
  std::shared_ptr<const VideoIndex> index();

  // The number of frames that decode. Decodes the rest of the file on the first call.
  int64_t frame_count();

  // The frames of the given indices, ascending, repeats allowed, as u8 N H W C (RGB) on the host.
  // Throws if there are fewer frames.
  Tensor frames(std::span<const int64_t> indices);

  // Calls visit(k, picture) for every k in turn with the frame indices[k], ascending, repeats
  // allowed. Stops at the end of the stream, and returns how many were visited. The picture lives
  // as long as the call of visit, and for the work that this queues on queue(); on a device it is
  // there for work behind it on that queue alone. Decodes onward from the last frame read, from the
  // start if the indices begin before it.
  size_t visit(std::span<const int64_t> indices,
               const std::function<void(size_t, const Picture&)>& visit);

  // Like visit() for the same frames, but begins at the last key frame before the first of them and
  // leaves out what the others do not need. Where the file does not tell its frames apart without
  // decoding, or decodes otherwise than it tells, it decodes from the start: then it may begin
  // again with k = 0. The frames are those of visit() in every file whose packets all decode.
  size_t visit_window(std::span<const int64_t> indices,
                      const std::function<void(size_t, const Picture&)>& visit);

  // Of the device of the pictures; outlives the reader.
  const DeviceQueue& queue() const;

  // How many frames this reader has decoded so far: the cost of its calls.
  int64_t decoded_frames() const;

 private:
  class Decoder;
  std::unique_ptr<Decoder> decoder_;
};

// How many frames the packets of the file hold: frame_count() of intact files.
int64_t frames_of(const VideoIndex& index);
// The memory of an index, about.
size_t bytes_of(const VideoIndex& index);

}  // namespace sf
