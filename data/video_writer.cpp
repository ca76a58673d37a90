#include "data/video_writer.h"

#include <string>

#include "data/ffmpeg_handles.h"
#include "kernels/base/error.h"

namespace sf {

class VideoWriter::Encoder {
 public:
  Encoder(const std::filesystem::path& path, const VideoWriterOptions& o)
      : path_(path),
        temporary_(path.parent_path() / cat(".sf-writing-", path.filename().string())) {
    SF_CHECK(o.width > 0 && o.height > 0 && o.width % 2 == 0 && o.height % 2 == 0, path_.string(),
             ": wanted an even width and height, found ", o.width, "x", o.height);
    SF_CHECK(o.fps_num > 0 && o.fps_den > 0, path_.string(),
             ": wanted a positive frame rate, found ", o.fps_num, "/", o.fps_den);
    packet_.reset(ffmpeg().av_packet_alloc());
    frame_.reset(ffmpeg().av_frame_alloc());
    SF_CHECK(packet_ && frame_, path_.string(), ": out of memory");
    try {
      open(o);
    } catch (...) {
      close();
      throw;
    }
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() { close(); }

  void write(const Picture& picture) {
    SF_CHECK(picture.width == frame_->width && picture.height == frame_->height, path_.string(),
             ": wanted pictures of ", frame_->width, "x", frame_->height, ", found ", picture.width,
             "x", picture.height);
    check(ffmpeg().av_frame_make_writable(frame_.get()), "frame");
    const uint8_t* from[4] = {picture.data};
    const int strides[4] = {int(picture.stride)};
    const int rows = ffmpeg().sws_scale(scaler_.get(), from, strides, 0, picture.height,
                                        frame_->data, frame_->linesize);
    SF_CHECK(rows == picture.height, path_.string(), ": conversion from RGB failed");
    frame_->pts = next_++;
    encode(frame_.get());
  }

  void finish() {
    encode(nullptr);
    check(ffmpeg().av_write_trailer(muxer_), "trailer");
    check(ffmpeg().avio_closep(&muxer_->pb), "close");
    std::error_code error;
    std::filesystem::rename(temporary_, path_, error);
    SF_CHECK(!error, path_.string(), ": ", error.message());
    finished_ = true;
  }

 private:
  void check(int result, const char* what) const {
    SF_CHECK(result >= 0, path_.string(), ": ", what, ": ", ffmpeg_message(result));
  }

  void open(const VideoWriterOptions& o) {
    check(
        ffmpeg().avformat_alloc_output_context2(&muxer_, nullptr, nullptr, path_.string().c_str()),
        "container");
    muxer_->flags |= AVFMT_FLAG_BITEXACT;  // no dates, no versions
    const AVCodec* codec = ffmpeg().avcodec_find_encoder_by_name("libx264");
    const bool x264 = codec != nullptr;
    if (!x264) codec = ffmpeg().avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    SF_CHECK(codec != nullptr, path_.string(), ": FFmpeg encodes neither H.264 nor MPEG-4 here");
    codec_.reset(ffmpeg().avcodec_alloc_context3(codec));
    SF_CHECK(codec_ != nullptr, path_.string(), ": out of memory");
    codec_->width = o.width;
    codec_->height = o.height;
    codec_->pix_fmt = AV_PIX_FMT_YUV420P;
    codec_->time_base = {o.fps_den, o.fps_num};
    codec_->framerate = {o.fps_num, o.fps_den};
    codec_->thread_count = 1;
    codec_->flags |= AV_CODEC_FLAG_BITEXACT;
    if (o.key_frame_interval > 0) codec_->gop_size = o.key_frame_interval;
    if (muxer_->oformat->flags & AVFMT_GLOBALHEADER) codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (x264) {
      ffmpeg().av_opt_set(codec_->priv_data, "preset", "veryfast", 0);
      ffmpeg().av_opt_set(codec_->priv_data, "crf", std::to_string(o.quality).c_str(), 0);
      if (o.fast_decoding) ffmpeg().av_opt_set(codec_->priv_data, "tune", "fastdecode", 0);
      if (o.open_groups) ffmpeg().av_opt_set(codec_->priv_data, "x264-params", "open-gop=1", 0);
    } else {
      codec_->flags |= AV_CODEC_FLAG_QSCALE;
      codec_->global_quality = FF_QP2LAMBDA * (1 + o.quality / 4);
    }
    check(ffmpeg().avcodec_open2(codec_.get(), codec, nullptr), codec->name);
    stream_ = ffmpeg().avformat_new_stream(muxer_, nullptr);
    SF_CHECK(stream_ != nullptr, path_.string(), ": out of memory");
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    check(ffmpeg().avcodec_parameters_from_context(stream_->codecpar, codec_.get()), "stream");
    check(ffmpeg().avio_open(&muxer_->pb, ("file:" + temporary_.string()).c_str(), AVIO_FLAG_WRITE),
          "open");
    check(ffmpeg().avformat_write_header(muxer_, nullptr), "header");
    frame_->format = codec_->pix_fmt;
    frame_->width = o.width;
    frame_->height = o.height;
    check(ffmpeg().av_frame_get_buffer(frame_.get(), 0), "frame");
    scaler_.reset(ffmpeg().sws_getContext(o.width, o.height, AV_PIX_FMT_RGB24, o.width, o.height,
                                          codec_->pix_fmt, SWS_BICUBIC, nullptr, nullptr, nullptr));
    SF_CHECK(scaler_ != nullptr, path_.string(), ": no conversion from RGB");
  }

  // Null flushes.
  void encode(const AVFrame* frame) {
    check(ffmpeg().avcodec_send_frame(codec_.get(), frame), "encode");
    while (true) {
      const int result = ffmpeg().avcodec_receive_packet(codec_.get(), packet_.get());
      if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
      check(result, "encode");
      // Containers derive the length of the video from that of its packets.
      packet_->duration = 1;
      ffmpeg().av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      packet_->stream_index = stream_->index;
      check(ffmpeg().av_interleaved_write_frame(muxer_, packet_.get()), "write");
    }
  }

  void close() noexcept {
    if (muxer_ != nullptr) ffmpeg().avio_closep(&muxer_->pb);
    ffmpeg().avformat_free_context(muxer_);
    muxer_ = nullptr;
    std::error_code ignored;
    if (!finished_) std::filesystem::remove(temporary_, ignored);
  }

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  AVFormatContext* muxer_ = nullptr;
  AVStream* stream_ = nullptr;
  CodecHandle codec_;
  PacketHandle packet_;
  FrameHandle frame_;
  ScalerHandle scaler_;
  int64_t next_ = 0;
  bool finished_ = false;
};

VideoWriter::VideoWriter(const std::filesystem::path& path, const VideoWriterOptions& options) {
  ffmpeg();  // missing libraries are reported here, not by a destructor
  encoder_ = std::make_unique<Encoder>(path, options);
}
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;
VideoWriter::~VideoWriter() = default;

void VideoWriter::write(const Picture& picture) { encoder_->write(picture); }
void VideoWriter::finish() { encoder_->finish(); }

}  // namespace sf
