// Owning handles of FFmpeg's objects. For the sources of the video reader and writer only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/ffmpeg.h"

namespace sf {

struct FfmpegDeleter {
  void operator()(AVCodecContext* p) const { ffmpeg().avcodec_free_context(&p); }
  void operator()(AVPacket* p) const { ffmpeg().av_packet_free(&p); }
  void operator()(AVFrame* p) const { ffmpeg().av_frame_free(&p); }
  void operator()(SwsContext* p) const { ffmpeg().sws_freeContext(p); }
  void operator()(AVFormatContext* p) const {
    ffmpeg().avformat_close_input(&p);
  }  // of an opened input
  void operator()(AVCodecParserContext* p) const { ffmpeg().av_parser_close(p); }
  void operator()(AVCodecParameters* p) const { ffmpeg().avcodec_parameters_free(&p); }
};

using CodecHandle = std::unique_ptr<AVCodecContext, FfmpegDeleter>;
using PacketHandle = std::unique_ptr<AVPacket, FfmpegDeleter>;
using FrameHandle = std::unique_ptr<AVFrame, FfmpegDeleter>;
using ScalerHandle = std::unique_ptr<SwsContext, FfmpegDeleter>;
using InputHandle = std::unique_ptr<AVFormatContext, FfmpegDeleter>;
using ParametersHandle = std::unique_ptr<AVCodecParameters, FfmpegDeleter>;

inline std::string ffmpeg_message(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  ffmpeg().av_strerror(code, text, sizeof text);
  return text;
}

// One RGB24 picture whose rows have room for the whole vectors that libswscale writes: with tight
// rows it leaves the last columns of widths that are no multiple of 8 untouched, or writes past the
// row.
class PaddedRgb {
 public:
  void resize(int width, int height) {
    stride_ = (int64_t(width) * 3 + 63) / 64 * 64 + 64;
    bytes_.resize(size_t(stride_) * size_t(height) + 64);
    first_ = (64 - reinterpret_cast<uintptr_t>(bytes_.data()) % 64) % 64;
  }
  uint8_t* data() { return bytes_.data() + first_; }
  int64_t stride() const { return stride_; }

 private:
  std::vector<uint8_t> bytes_;
  int64_t stride_ = 0;
  size_t first_ = 0;
};

}  // namespace sf
