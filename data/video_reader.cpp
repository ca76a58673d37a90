#include "data/video_reader.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/ffmpeg_handles.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

// Containers of one self-contained stream of packets. Play lists and image sequences, which name
// other files, are not among them.
constexpr const char* kContainers =
    "mov,avi,matroska,mpegts,mpeg,mpegvideo,flv,asf,ogg,ivf,nut,h264,hevc,m4v,rm";
constexpr int kIoBufferBytes = 1 << 16;
// A decoder that reports this many errors in a row at the end of the stream gives nothing more.
constexpr int kMaxDrainErrors = 256;
constexpr int64_t kUnknown = -1;  // a number of frames

// Ends calls that take too long or are no longer wanted.
class Watch {
 public:
  Watch(double seconds, std::stop_token cancel) : seconds_(seconds), cancel_(std::move(cancel)) {
    restart();
  }

  void restart() { start_ = std::chrono::steady_clock::now(); }
  bool expired() const { return cancel_.stop_requested() || elapsed() > seconds_; }
  void check(const std::string& path) const {
    SF_CHECK(!cancel_.stop_requested(), path, ": reading was cancelled");
    SF_CHECK(elapsed() <= seconds_, path, ": decoding took longer than ", seconds_, " seconds");
  }

 private:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  double seconds_;
  std::stop_token cancel_;
  std::chrono::steady_clock::time_point start_;
};

// A regular file under an AVIOContext: FFmpeg itself opens nothing.
class FileInput {
 public:
  FileInput(const std::string& path, const Watch& watch) : watch_(watch) {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    SF_CHECK(fd_ >= 0, path, ": ", std::strerror(errno));
    try {
      struct stat status = {};
      SF_CHECK(::fstat(fd_, &status) == 0, path, ": ", std::strerror(errno));
      SF_CHECK(S_ISREG(status.st_mode), path, ": wanted a video file, found ",
               S_ISDIR(status.st_mode) ? "a folder" : "something that is no regular file");
      SF_CHECK(status.st_size > 0, path, ": wanted a video file, found an empty file");
      size_ = status.st_size;
      auto* buffer = static_cast<unsigned char*>(av_malloc(kIoBufferBytes));
      io_ = avio_alloc_context(buffer, kIoBufferBytes, 0, this, &FileInput::read, nullptr,
                               &FileInput::seek);
      SF_CHECK(io_ != nullptr, path, ": out of memory");
    } catch (...) {
      ::close(fd_);
      throw;
    }
  }
  FileInput(const FileInput&) = delete;
  FileInput& operator=(const FileInput&) = delete;
  ~FileInput() {
    av_freep(static_cast<void*>(&io_->buffer));
    avio_context_free(&io_);
    ::close(fd_);
  }

  AVIOContext* context() { return io_; }
  const Watch& watch() const { return watch_; }

 private:
  static int read(void* self, uint8_t* to, int bytes) {
    auto& input = *static_cast<FileInput*>(self);
    if (input.watch_.expired()) return AVERROR_EXIT;
    const ssize_t n = ::read(input.fd_, to, size_t(bytes));
    if (n == 0) return AVERROR_EOF;
    return n < 0 ? AVERROR(errno) : int(n);
  }
  static int64_t seek(void* self, int64_t offset, int whence) {
    auto& input = *static_cast<FileInput*>(self);
    if (whence == AVSEEK_SIZE) return input.size_;
    const off_t at = ::lseek(input.fd_, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : int64_t(at);
  }

  const Watch& watch_;
  int fd_ = -1;
  int64_t size_ = 0;
  AVIOContext* io_ = nullptr;
};

// The packets of the first video stream of a file.
class Demuxer {
 public:
  Demuxer(const std::string& path, const VideoReaderOptions& options, const Watch& watch)
      : path_(path), watch_(watch), input_(path, watch) {
    context_ = avformat_alloc_context();
    SF_CHECK(context_ != nullptr, path, ": out of memory");
    context_->pb = input_.context();
    context_->interrupt_callback = {
        [](void* self) { return int(static_cast<FileInput*>(self)->watch().expired()); }, &input_};
    AVDictionary* settings = nullptr;
    av_dict_set(&settings, "format_whitelist", kContainers, 0);
    av_dict_set(&settings, "protocol_whitelist", "file", 0);
    const int opened =
        avformat_open_input(&context_, path.c_str(), nullptr, &settings);  // frees on failure
    av_dict_free(&settings);
    watch_.check(path);
    SF_CHECK(opened != AVERROR_INVALIDDATA, path,
             ": wanted a video file, found data of no known container");
    SF_CHECK(opened == 0, path, ": wanted a video file, found: ", ffmpeg_message(opened));
    try {
      find_stream(options);
    } catch (...) {
      avformat_close_input(&context_);
      throw;
    }
  }
  Demuxer(const Demuxer&) = delete;
  Demuxer& operator=(const Demuxer&) = delete;
  ~Demuxer() { avformat_close_input(&context_); }

  AVStream* stream() { return stream_; }

  // False at the end of the file.
  bool next(AVPacket* packet) {
    while (true) {
      watch_.check(path_);
      av_packet_unref(packet);
      if (av_read_frame(context_, packet) < 0) {
        watch_.check(path_);
        return false;
      }
      if (packet->stream_index == stream_->index) return true;
    }
  }

 private:
  void find_stream(const VideoReaderOptions& options) {
    // The decoders that probing opens are held to the same limit as ours.
    const std::string limit = std::to_string(options.max_pixels);
    std::vector<AVDictionary*> settings(context_->nb_streams, nullptr);
    for (AVDictionary*& s : settings) av_dict_set(&s, "max_pixels", limit.c_str(), 0);
    const int found =
        avformat_find_stream_info(context_, settings.empty() ? nullptr : settings.data());
    for (AVDictionary*& s : settings) av_dict_free(&s);
    watch_.check(path_);
    SF_CHECK(found >= 0, path_, ": wanted a video stream, found: ", ffmpeg_message(found));
    for (unsigned i = 0; i < context_->nb_streams; ++i) {
      AVStream* s = context_->streams[i];
      const bool video = s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
                         !(s->disposition & AV_DISPOSITION_ATTACHED_PIC);
      if (video && stream_ == nullptr) {
        stream_ = s;
      } else {
        s->discard = AVDISCARD_ALL;
      }
    }
    SF_CHECK(stream_ != nullptr, path_, ": wanted a video stream, found none");
  }

  const std::string& path_;
  const Watch& watch_;
  FileInput input_;
  AVFormatContext* context_ = nullptr;
  AVStream* stream_ = nullptr;
};

}  // namespace

class VideoReader::Decoder {
 public:
  Decoder(std::string path, VideoReaderOptions options)
      : path_(std::move(path)),
        options_(std::move(options)),
        watch_(options_.timeout_seconds, options_.cancel) {
    packet_.reset(av_packet_alloc());
    frame_.reset(av_frame_alloc());
    SF_CHECK(packet_ && frame_, path_, ": out of memory");
    open();
    const AVStream* s = demuxer_->stream();
    const AVRational rate = s->avg_frame_rate.num > 0 && s->avg_frame_rate.den > 0
                                ? s->avg_frame_rate
                                : s->r_frame_rate;
    info_ = {.fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0,
             .width = s->codecpar->width,
             .height = s->codecpar->height,
             .codec = avcodec_get_name(s->codecpar->codec_id)};
  }

  const std::string& path() const { return path_; }
  const VideoInfo& info() const { return info_; }

  int64_t expected_frames() {
    if (count_ != kUnknown) return count_;
    if (expected_ == kUnknown && demuxer_ && demuxer_->stream()->nb_frames > 0)
      expected_ = demuxer_->stream()->nb_frames;
    if (expected_ == kUnknown) {
      watch_.restart();
      Demuxer packets(path_, options_, watch_);
      int64_t n = 0;
      while (packets.next(packet_.get())) n += (packet_->flags & AV_PKT_FLAG_DISCARD) == 0;
      av_packet_unref(packet_.get());
      expected_ = n;
    }
    return expected_;
  }

  int64_t frame_count() {
    if (count_ == kUnknown) {
      watch_.restart();
      guarded([&] {
        if (!demuxer_) open();
        while (decode()) {}
      });
    }
    return count_;
  }

  size_t visit(std::span<const int64_t> indices,
               const std::function<void(size_t, const Picture&)>& visit) {
    for (size_t k = 0; k < indices.size(); ++k) {
      SF_CHECK(indices[k] >= (k == 0 ? 0 : indices[k - 1]), path_,
               ": wanted ascending frame indices, found ", indices[k], " at position ", k);
    }
    if (indices.empty()) return 0;
    watch_.restart();
    size_t k = 0;
    guarded([&] {
      if (!demuxer_ || indices[0] < next_) open();
      while (k < indices.size() && decode()) {
        const int64_t index = next_ - 1;
        if (index < indices[k]) continue;
        const Picture picture = convert();
        for (; k < indices.size() && indices[k] == index; ++k) visit(k, picture);
      }
    });
    return k;
  }

 private:
  // Runs f; if it throws, the state of the decoder is gone.
  template <class F>
  void guarded(const F& f) {
    try {
      f();
    } catch (...) {
      codec_.reset();
      demuxer_.reset();
      throw;
    }
  }

  void open() {
    codec_.reset();
    demuxer_.reset();
    next_ = 0;
    ended_ = false;
    draining_ = false;
    drain_errors_ = 0;
    auto demuxer = std::make_unique<Demuxer>(path_, options_, watch_);
    const AVCodecParameters* parameters = demuxer->stream()->codecpar;
    // Probing refuses larger pictures, too, and leaves the size empty then.
    SF_CHECK(parameters->width > 0 && parameters->height > 0 &&
                 int64_t(parameters->width) * parameters->height <= options_.max_pixels,
             path_, ": wanted pictures of 1 to ", options_.max_pixels, " pixels, found ",
             parameters->width, "x", parameters->height);
    const AVCodec* codec = avcodec_find_decoder(parameters->codec_id);
    SF_CHECK(codec != nullptr, path_, ": no decoder for ", avcodec_get_name(parameters->codec_id));
    codec_.reset(avcodec_alloc_context3(codec));
    SF_CHECK(codec_ != nullptr, path_, ": out of memory");
    int result = avcodec_parameters_to_context(codec_.get(), parameters);
    codec_->thread_count = std::max(1, options_.threads);
    codec_->max_pixels = options_.max_pixels;
    codec_->pkt_timebase = demuxer->stream()->time_base;
    if (result >= 0) result = avcodec_open2(codec_.get(), codec, nullptr);
    SF_CHECK(result >= 0, path_, ": ", codec->name, ": ", ffmpeg_message(result));
    demuxer_ = std::move(demuxer);
  }

  // Decodes frame next_ into frame_. False at the end of the stream, when the count is known.
  bool decode() {
    while (!ended_) {
      watch_.check(path_);
      const int received = avcodec_receive_frame(codec_.get(), frame_.get());
      if (received == 0) {
        ++next_;
        return true;
      }
      if (received == AVERROR_EOF || (draining_ && ++drain_errors_ > kMaxDrainErrors)) {
        ended_ = true;
      } else if (received == AVERROR(EAGAIN)) {
        // Packets that do not decode are skipped: the frames of the others count.
        draining_ = !demuxer_->next(packet_.get());
        avcodec_send_packet(codec_.get(), draining_ ? nullptr : packet_.get());
        av_packet_unref(packet_.get());
      }
    }
    count_ = next_;
    return false;
  }

  // frame_ as RGB of the size that info_ states.
  Picture convert() {
    rgb_.resize(info_.width, info_.height);
    // The filter matters for odd heights, other chroma layouts and streams that change their size.
    scaler_.reset(sws_getCachedContext(scaler_.release(), frame_->width, frame_->height,
                                       AVPixelFormat(frame_->format), info_.width, info_.height,
                                       AV_PIX_FMT_RGB24, SWS_BILINEAR, nullptr, nullptr, nullptr));
    SF_CHECK(scaler_ != nullptr, path_, ": no conversion from pixel format ", frame_->format,
             " to RGB");
    uint8_t* to[4] = {rgb_.data()};
    const int strides[4] = {int(rgb_.stride())};
    const int rows =
        sws_scale(scaler_.get(), frame_->data, frame_->linesize, 0, frame_->height, to, strides);
    SF_CHECK(rows == info_.height, path_, ": conversion to RGB failed at frame ", next_ - 1);
    return {rgb_.data(), rgb_.stride(), info_.width, info_.height};
  }

  std::string path_;
  VideoReaderOptions options_;
  Watch watch_;
  VideoInfo info_;
  std::unique_ptr<Demuxer> demuxer_;  // null after an error
  CodecHandle codec_;
  PacketHandle packet_;
  FrameHandle frame_;
  ScalerHandle scaler_;
  PaddedRgb rgb_;
  int64_t expected_ = kUnknown;
  int64_t count_ = kUnknown;
  int64_t next_ = 0;
  int drain_errors_ = 0;
  bool draining_ = false;
  bool ended_ = false;
};

VideoReader::VideoReader(const std::filesystem::path& path, VideoReaderOptions options) {
  set_up_ffmpeg();
  decoder_ = std::make_unique<Decoder>(path.string(), std::move(options));
}
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;
VideoReader::~VideoReader() = default;

const VideoInfo& VideoReader::info() const { return decoder_->info(); }
int64_t VideoReader::expected_frames() { return decoder_->expected_frames(); }
int64_t VideoReader::frame_count() { return decoder_->frame_count(); }

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
    for (int64_t y = 0; y < picture.height; ++y, to += row_bytes)
      std::memcpy(to, picture.row(y), size_t(row_bytes));
  });
  SF_CHECK(n == indices.size(), decoder_->path(), ": wanted frame ", indices[n], ", found ",
           frame_count(), " frames");
  return out;
}

}  // namespace sf
