// What FFmpeg alone takes for the frames of a window, as the loaders are compared with.
#pragma once

#include <cstdint>
#include <string>

#include "data/ffmpeg_handles.h"
#include "kernels/base/error.h"

namespace sf {

// A file of constant frame rate, opened by FFmpeg's own functions, and a decoder of one thread.
class FfmpegWindow {
 public:
  explicit FfmpegWindow(const std::string& path)
      : packet_(av_packet_alloc()), frame_(av_frame_alloc()) {
    AVFormatContext* input = nullptr;
    SF_CHECK(avformat_open_input(&input, path.c_str(), nullptr, nullptr) == 0, path,
             ": not opened");
    input_.reset(input);
    SF_CHECK(avformat_find_stream_info(input, nullptr) >= 0, path, ": no streams");
    const int number = av_find_best_stream(input, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
    SF_CHECK(number >= 0, path, ": no video stream");
    stream_ = input->streams[number];
    const AVCodec* codec = avcodec_find_decoder(stream_->codecpar->codec_id);
    codec_.reset(avcodec_alloc_context3(codec));
    avcodec_parameters_to_context(codec_.get(), stream_->codecpar);
    codec_->thread_count = 1;
    SF_CHECK(avcodec_open2(codec_.get(), codec, nullptr) >= 0, path, ": no decoder");
  }

  // Decodes from the key frame before frame `first` until `last` has come out. Returns how many
  // frames that took.
  int64_t decode(int64_t first, int64_t last) {
    av_seek_frame(input_.get(), stream_->index, time_of(first), AVSEEK_FLAG_BACKWARD);
    avcodec_flush_buffers(codec_.get());
    int64_t frames = 0;
    while (true) {
      const bool read = av_read_frame(input_.get(), packet_.get()) >= 0;
      if (read && packet_->stream_index != stream_->index) continue;
      avcodec_send_packet(codec_.get(), read ? packet_.get() : nullptr);
      av_packet_unref(packet_.get());
      while (avcodec_receive_frame(codec_.get(), frame_.get()) >= 0) {
        ++frames;
        if (frame_->best_effort_timestamp >= time_of(last)) return frames;
      }
      if (!read) return frames;
    }
  }

 private:
  int64_t time_of(int64_t frame) const {
    const int64_t start = stream_->start_time == AV_NOPTS_VALUE ? 0 : stream_->start_time;
    return start + av_rescale_q(frame, av_inv_q(stream_->avg_frame_rate), stream_->time_base);
  }

  PacketHandle packet_;
  FrameHandle frame_;
  InputHandle input_;
  AVStream* stream_ = nullptr;
  CodecHandle codec_;
};

}  // namespace sf
