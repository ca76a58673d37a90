#include "data/video_reader.h"

#include <algorithm>
#include <optional>

#include "data/cuda_decoder.h"
#include "data/demuxer.h"
#include "data/frame_converter.h"
#include "data/packet_decoder.h"
#include "data/video_index.h"
#include "data/watch.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

// A decoder that reports this many errors in a row at the end of the stream gives nothing more.
constexpr int kMaxDrainErrors = 256;
constexpr int64_t kUnknown = -1;  // a number of frames

}  // namespace

class VideoReader::Decoder {
 public:
  Decoder(std::string path, VideoReaderOptions options)
      : path_(std::move(path)),
        options_(std::move(options)),
        watch_(options_.timeout_seconds, options_.cancel),
        index_(options_.index),
        decoder_(path_, options_, info_) {
    packet_.reset(ffmpeg().av_packet_alloc());
    frame_.reset(ffmpeg().av_frame_alloc());
    SF_CHECK(packet_ && frame_, path_, ": out of memory");
    open();
    converter_.emplace(path_, options_.pictures, decoder_.queue());
  }

  const std::string& path() const { return path_; }
  const VideoInfo& info() const { return info_; }
  int64_t decoded_frames() const { return decoded_; }
  const DeviceQueue& queue() const { return decoder_.queue(); }

  int64_t expected_frames() {
    if (count_ != kUnknown) return count_;
    if (expected_ == kUnknown && demuxer_ && demuxer_->stream()->nb_frames > 0)
      expected_ = demuxer_->stream()->nb_frames;
    if (expected_ == kUnknown) {
      watch_.restart();
      Demuxer packets(path_, watch_);
      packets.probe(options_.max_pixels);
      int64_t n = 0;
      while (packets.next(packet_.get())) n += (packet_->flags & AV_PKT_FLAG_DISCARD) == 0;
      ffmpeg().av_packet_unref(packet_.get());
      expected_ = n;
    }
    return expected_;
  }

  int64_t frame_count() {
    if (count_ == kUnknown) {
      watch_.restart();
      guarded([&] {
        if (!demuxer_ || !counts_) open();
        while (decode()) {}
      });
    }
    return count_;
  }

  std::shared_ptr<const VideoIndex> index() {
    if (index_) return index_;
    watch_.restart();
    guarded([&] {
      if (!demuxer_ || !counts_ || next_ > 0 || ended_) open();
      counts_ = false;
      index_ = std::make_shared<const VideoIndex>(*demuxer_, info_, packet_.get());
    });
    return index_;
  }

  using Visit = std::function<void(size_t, const Picture&)>;

  size_t visit(std::span<const int64_t> indices, const Visit& visit) {
    check_ascending(indices);
    if (indices.empty()) return 0;
    watch_.restart();
    size_t k = 0;
    guarded([&] {
      if (!demuxer_ || !counts_ || indices[0] < next_) open();
      while (k < indices.size() && decode()) {
        const int64_t frame = next_ - 1;
        if (frame < indices[k]) continue;
        const Picture picture = convert();
        for (; k < indices.size() && indices[k] == frame; ++k) visit(k, picture);
      }
    });
    return k;
  }

  size_t visit_window(std::span<const int64_t> indices, const Visit& visit) {
    check_ascending(indices);
    if (indices.empty()) return 0;
    index();
    watch_.restart();
    bool complete = false;
    guarded([&] {
      if (!demuxer_) open();
      complete = index_ && seek(indices[0]) && visit_from_here(indices, visit);
    });
    return complete ? indices.size() : this->visit(indices, visit);
  }

 private:
  // Runs f; if it throws, the state of the decoder is gone.
  template <class F>
  void guarded(const F& f) {
    try {
      f();
    } catch (...) {
      decoder_.close();
      demuxer_.reset();
      throw;
    }
  }

  void check_ascending(std::span<const int64_t> indices) const {
    for (size_t k = 0; k < indices.size(); ++k) {
      SF_CHECK(indices[k] >= (k == 0 ? 0 : indices[k - 1]), path_,
               ": wanted ascending frame indices, found ", indices[k], " at position ", k);
    }
  }

  void open() {
    demuxer_.reset();
    auto demuxer = std::make_unique<Demuxer>(path_, watch_);
    if (index_ && index_->version() != demuxer->version()) index_.reset();
    const AVCodecParameters* parameters = nullptr;
    if (index_ && index_->ready_stream() && demuxer->choose(*index_->ready_stream())) {
      parameters = &index_->parameters();
      info_ = index_->info();
    } else {
      demuxer->probe(options_.max_pixels);
      parameters = demuxer->stream()->codecpar;
      info_ = info_of(*demuxer->stream());
    }
    // Probing refuses larger pictures, too, and leaves the size empty then.
    SF_CHECK(parameters->width > 0 && parameters->height > 0 &&
                 int64_t(parameters->width) * parameters->height <= options_.max_pixels,
             path_, ": wanted pictures of 1 to ", options_.max_pixels, " pixels, found ",
             parameters->width, "x", parameters->height);
    decoder_.open(*parameters, demuxer->stream()->time_base);
    demuxer_ = std::move(demuxer);
    counts_ = true;
    begin();
  }

  static VideoInfo info_of(const AVStream& s) {
    const AVRational rate =
        s.avg_frame_rate.num > 0 && s.avg_frame_rate.den > 0 ? s.avg_frame_rate : s.r_frame_rate;
    const bool known = rate.num > 0 && rate.den > 0;
    return {.fps = known ? av_q2d(rate) : 0,
            .fps_num = known ? rate.num : 0,
            .fps_den = known ? rate.den : 1,
            .width = s.codecpar->width,
            .height = s.codecpar->height,
            .codec = ffmpeg().avcodec_get_name(s.codecpar->codec_id)};
  }

  // What holds where decoding begins.
  void begin() {
    next_ = 0;
    ended_ = false;
    draining_ = false;
    drain_errors_ = 0;
    decoder_.skip(AVDISCARD_DEFAULT);
  }

  // Goes to a key frame that is not after that frame; its packet waits in packet_. False if the
  // file has none or the container does not go there.
  bool seek(int64_t frame) {
    const DecodingStart* key = index_->key_frame_before(frame);
    if (key == nullptr) return false;
    counts_ = false;
    decoder_.restart();
    begin();
    // Containers differ in which time they go by.
    for (int64_t time : {key->presentation_time, key->decoding_time}) {
      if (!demuxer_->seek(time) || !demuxer_->next(packet_.get())) continue;
      const DecodingStart* found = index_->key_frame_at(packet_->pts);
      if (found == nullptr || found->frame > frame) continue;
      next_ = found->frame;
      return true;
    }
    return false;
  }

  // Sends packet_, or the end of the stream.
  void send() {
    if (draining_)
      decoder_.send_end();
    else
      decoder_.send(*packet_);
  }

  // Decodes from packet_, the key frame next_, as far as the frames of these indices need it. False
  // if one of them does not come.
  bool visit_from_here(std::span<const int64_t> indices, const Visit& visit) {
    const FrameTimes& times = index_->times();
    size_t k = 0;
    while (true) {
      // A frame that no other refers to can be left out. Their packets say so in H.264 alone.
      const auto frame = draining_ ? std::nullopt : times.frame_at(packet_->pts);
      const bool needed = !frame || std::binary_search(indices.begin(), indices.end(), *frame);
      const bool skips = !needed && decoder_.id() == AV_CODEC_ID_H264;
      decoder_.skip(skips ? AVDISCARD_NONREF : AVDISCARD_DEFAULT);
      send();
      while (true) {
        watch_.check(path_);
        const int received = decoder_.receive(*frame_);
        if (received == AVERROR(EAGAIN)) break;
        if (received == AVERROR_EOF ||
            (received < 0 && draining_ && ++drain_errors_ > kMaxDrainErrors))
          return false;
        if (received < 0) continue;
        ++decoded_;
        const auto shown = times.frame_at(frame_->pts);
        // Frames before the key frame may refer to what was not decoded.
        if (!shown || *shown < indices[k]) continue;
        if (*shown > indices[k]) return false;
        const Picture picture = convert();
        for (; k < indices.size() && indices[k] == *shown; ++k) visit(k, picture);
        if (k == indices.size()) return true;
      }
      if (draining_) return false;
      draining_ = !demuxer_->next(packet_.get());
    }
  }

  // Decodes frame next_ into frame_. False at the end of the stream, when the count is known.
  bool decode() {
    while (!ended_) {
      watch_.check(path_);
      const int received = decoder_.receive(*frame_);
      if (received == 0) {
        ++next_;
        ++decoded_;
        return true;
      }
      if (received == AVERROR_EOF || (draining_ && ++drain_errors_ > kMaxDrainErrors)) {
        ended_ = true;
      } else if (received == AVERROR(EAGAIN)) {
        // Packets that do not decode are skipped: the frames of the others count.
        draining_ = !demuxer_->next(packet_.get());
        send();
        ffmpeg().av_packet_unref(packet_.get());
      }
    }
    count_ = next_;
    return false;
  }

  // frame_ as RGB of the size that info_ states.
  Picture convert() {
    const bool cuda = options_.pictures.device().backend == Backend::cuda;
    const bool decoded_there = frame_->format == AV_PIX_FMT_CUDA;
    if (cuda && !decoded_there) warn_of_cpu_decoding(path_, info_, *frame_);
    const auto format = AVPixelFormat(decoded_there ? decoder_.format_on_cpu() : frame_->format);
    return converter_->run(*frame_, format, {info_.height, info_.width});
  }

  std::string path_;
  VideoReaderOptions options_;
  Watch watch_;
  VideoInfo info_;
  std::shared_ptr<const VideoIndex> index_;
  std::unique_ptr<Demuxer> demuxer_;  // null after an error
  bool counts_ = false;               // frames are decoded from the first on, so next_ counts them
  PacketDecoder decoder_;
  PacketHandle packet_;
  FrameHandle frame_;                        // of decoder_
  std::optional<FrameConverter> converter_;  // on its queue
  int64_t expected_ = kUnknown;
  int64_t count_ = kUnknown;
  int64_t next_ = 0;
  int64_t decoded_ = 0;
  int drain_errors_ = 0;
  bool draining_ = false;
  bool ended_ = false;
};

VideoReader::VideoReader(const std::filesystem::path& path, VideoReaderOptions options) {
  ffmpeg();  // missing libraries are reported here, not by a destructor
  decoder_ = std::make_unique<Decoder>(path.string(), std::move(options));
}
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;
VideoReader::~VideoReader() = default;

const VideoInfo& VideoReader::info() const { return decoder_->info(); }
int64_t VideoReader::expected_frames() { return decoder_->expected_frames(); }
int64_t VideoReader::decoded_frames() const { return decoder_->decoded_frames(); }
const DeviceQueue& VideoReader::queue() const { return decoder_->queue(); }
int64_t VideoReader::frame_count() { return decoder_->frame_count(); }

std::shared_ptr<const VideoIndex> VideoReader::index() { return decoder_->index(); }

size_t VideoReader::visit_window(std::span<const int64_t> indices,
                                 const std::function<void(size_t, const Picture&)>& visit) {
  return decoder_->visit_window(indices, visit);
}

size_t VideoReader::visit(std::span<const int64_t> indices,
                          const std::function<void(size_t, const Picture&)>& visit) {
  return decoder_->visit(indices, visit);
}

Tensor VideoReader::frames(std::span<const int64_t> indices) {
  const VideoInfo& v = info();
  Tensor out({Shape{int64_t(indices.size()), v.height, v.width, 3}, DType::u8});
  const int64_t row_bytes = int64_t(v.width) * 3;
  uint8_t* to = out.span<uint8_t>().data();
  const size_t n = visit(indices, [&](size_t, const Picture& picture) {
    queue().copy_rows(to, picture.data,
                      {.rows = size_t(picture.height),
                       .bytes = size_t(row_bytes),
                       .to_pitch = size_t(row_bytes),
                       .from_pitch = size_t(picture.stride)});
    to += row_bytes * picture.height;
  });
  queue().synchronize(decoder_->path());
  SF_CHECK(n == indices.size(), decoder_->path(), ": wanted frame ", indices[n], ", found ",
           frame_count(), " frames");
  return out;
}

int64_t frames_of(const VideoIndex& index) { return index.frames(); }
size_t bytes_of(const VideoIndex& index) { return index.bytes(); }

}  // namespace sf
