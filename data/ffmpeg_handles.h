// Owning handles of FFmpeg's objects. For the sources of the video reader and writer only.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sf {

struct FfmpegDeleter {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(SwsContext* p) const { sws_freeContext(p); }
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }  // of an opened input
  void operator()(AVCodecParserContext* p) const { av_parser_close(p); }
  void operator()(AVCodecParameters* p) const { avcodec_parameters_free(&p); }
};

using CodecHandle = std::unique_ptr<AVCodecContext, FfmpegDeleter>;
using PacketHandle = std::unique_ptr<AVPacket, FfmpegDeleter>;
using FrameHandle = std::unique_ptr<AVFrame, FfmpegDeleter>;
using ScalerHandle = std::unique_ptr<SwsContext, FfmpegDeleter>;
using InputHandle = std::unique_ptr<AVFormatContext, FfmpegDeleter>;
using ParametersHandle = std::unique_ptr<AVCodecParameters, FfmpegDeleter>;

inline std::string ffmpeg_message(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

// What FFmpeg keeps for the whole process. Failures are reported by exceptions; its log would only
// add noise. A file of some hundred bytes may promise a hundred million frames, for which demuxers
// make room; no block may be larger than a picture of VideoReaderOptions::max_pixels with four
// bytes a pixel.
inline void set_up_ffmpeg() {
  static const bool done = (av_log_set_level(AV_LOG_QUIET), av_max_alloc(size_t(1) << 28), true);
  static_cast<void>(done);
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
