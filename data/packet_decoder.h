// A decoder of one video, opened or taken from those that are kept. For the video reader only.
#pragma once

#include <string>

#include "data/ffmpeg_handles.h"
#include "data/kept_decoders.h"
#include "data/video_reader.h"

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
  // The next packet is a key frame, behind which none of the frames so far comes.
  void restart() { restarts_ = true; }
  // Lets it go; open() comes next.
  void close() { decoder_.codec.reset(); }

  // Which frames need not be decoded.
  void skip(AVDiscard frames) { decoder_.codec->skip_frame = frames; }
  void send(AVPacket& packet);  // which stays as it is but for data on its side
  void send_end();
  // A code of FFmpeg's.
  int receive(AVFrame& frame);

  AVCodecID id() const { return decoder_.codec->codec_id; }
  // That the CPU has frames of this video in.
  AVPixelFormat format_on_cpu() const { return decoder_.codec->sw_pix_fmt; }
  // In whose order it decodes on a device; stays the same from the first open() on.
  const DeviceQueue& queue() const { return decoder_.queue; }

 private:
  bool take(const std::string& kind);
  void begin(AVPacket& packet);

  const std::string& path_;
  const VideoReaderOptions& options_;
  const VideoInfo& info_;
  KeptDecoders::Decoder decoder_;
  bool opened_ = false;          // has been, once
  bool erred_ = false;           // the decoder has
  bool restarts_ = false;        // with the next packet
  bool repeats_header_ = false;  // with that packet
};

}  // namespace sf
