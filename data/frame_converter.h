// Decoded frames as packed RGB. For the sources of the video reader only.
#pragma once

#include <string>
#include <vector>

#include "data/batch_memory.h"
#include "data/ffmpeg_handles.h"
#include "data/picture.h"
#include "data/spatial.h"
#include "tensor/device_queue.h"
#include "tensor/tensor.h"

namespace sf {

// One thread at a time.
class FrameConverter {
 public:
  // Pictures lie in that memory and are made on that queue of its device. path: of the video, for
  // messages.
  FrameConverter(std::string path, BatchMemory memory, DeviceQueue queue);
  // Waits for all work on pictures.
  ~FrameConverter();
  FrameConverter(const FrameConverter&) = delete;
  FrameConverter& operator=(const FrameConverter&) = delete;

  // The frame in that size. `format`: in which the CPU would have it, where it lies on a CUDA
  // device, else its own. The picture stays until work queued on the next one begins. Throws.
  Picture run(const AVFrame& frame, AVPixelFormat format, PictureSize size);

 private:
  struct Nv12 {
    const uint8_t* luma;
    const uint8_t* chroma;
    int64_t luma_bytes, chroma_bytes;  // of a row
  };

  Picture scaled(const AVFrame& frame, PictureSize size);
  Picture uploaded(const Picture& picture);
  Nv12 uploaded(const AVFrame& frame);
  Picture converted(const Nv12& from, PictureSize size, bool full_range);
  uint8_t* at_least(int64_t bytes, Tensor& held);

  std::string path_;
  BatchMemory memory_;
  DeviceQueue queue_;
  ScalerHandle scaler_;
  PaddedRgb rgb_;
  std::vector<uint8_t> chroma_;
  Tensor device_nv12_, device_rgb_;  // kept from picture to picture
};

}  // namespace sf
