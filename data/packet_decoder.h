// A decoder of one video, opened or taken from those that are kept. For the video reader only.
#pragma once

#include <string>

#include "data/ffmpeg_handles.h"
#include "data/video_reader.h"
#include "tensor/device_queue.h"

namespace sf {

// One thread at a time.
class PacketDecoder {
 public:
  // `info`: of the video, when the decoder is opened; must outlive it. path: for messages.
  PacketDecoder(const std::string& path, const VideoReaderOptions& options, const VideoInfo& info);
  PacketDecoder(const PacketDecoder&) = delete;
  PacketDecoder& operator=(const PacketDecoder&) = delete;
  // Keeps it for others where the options say so. No frame of it may be held.
  ~PacketDecoder();

  // Begins with a stream of those parameters, at its start. Throws.
  void open(const AVCodecParameters& parameters, AVRational time_base);
  // Forgets frames and references: the next packet is a key frame.
  void flush();
  // Lets it go; open() comes next.
  void close() { codec_.reset(); }

  // Which frames need not be decoded.
  void skip(AVDiscard frames) { codec_->skip_frame = frames; }
  void send(AVPacket& packet);
  void send_end();
  // A code of FFmpeg's.
  int receive(AVFrame& frame);

  AVCodecID id() const { return codec_->codec_id; }
  // That the CPU has frames of this video in.
  AVPixelFormat format_on_cpu() const { return codec_->sw_pix_fmt; }
  // In whose order it decodes on a device; stays the same from the first open() on.
  const DeviceQueue& queue() const { return queue_; }

 private:
  bool take(const std::string& kind);

  const std::string& path_;
  const VideoReaderOptions& options_;
  const VideoInfo& info_;
  DeviceQueue queue_;
  CodecHandle codec_;
  std::string kind_;             // of codec_
  bool opened_ = false;          // has been, once
  bool erred_ = false;           // codec_ has
  bool repeats_header_ = false;  // with the next packet
};

}  // namespace sf
