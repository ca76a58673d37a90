#include "data/demuxer.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

// Containers of one self-contained stream of packets. Play lists and image sequences, which name
// other files, are not among them.
constexpr const char* kContainers =
    "mov,avi,matroska,mpegts,mpeg,mpegvideo,flv,asf,ogg,ivf,nut,h264,hevc,m4v,rm";
constexpr int kIoBufferBytes = 1 << 16;

}  // namespace

FileInput::FileInput(const std::string& path, const Watch& watch) : watch_(watch) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  SF_CHECK(fd_ >= 0, path, ": ", std::strerror(errno));
  try {
    struct stat status = {};
    SF_CHECK(::fstat(fd_, &status) == 0, path, ": ", std::strerror(errno));
    SF_CHECK(S_ISREG(status.st_mode), path, ": wanted a video file, found ",
             S_ISDIR(status.st_mode) ? "a folder" : "something that is no regular file");
    SF_CHECK(status.st_size > 0, path, ": wanted a video file, found an empty file");
    version_ = {
        .bytes = status.st_size,
        .modified_ns = int64_t(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec};
    auto* buffer = static_cast<unsigned char*>(ffmpeg().av_malloc(kIoBufferBytes));
    io_ = ffmpeg().avio_alloc_context(buffer, kIoBufferBytes, 0, this, &FileInput::read, nullptr,
                                      &FileInput::seek);
    SF_CHECK(io_ != nullptr, path, ": out of memory");
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

FileInput::~FileInput() {
  ffmpeg().av_freep(static_cast<void*>(&io_->buffer));
  ffmpeg().avio_context_free(&io_);
  ::close(fd_);
}

int FileInput::read(void* self, uint8_t* to, int bytes) {
  auto& input = *static_cast<FileInput*>(self);
  if (input.watch_.expired()) return AVERROR_EXIT;
  const ssize_t n = ::read(input.fd_, to, size_t(bytes));
  if (n == 0) return AVERROR_EOF;
  return n < 0 ? AVERROR(errno) : int(n);
}

int64_t FileInput::seek(void* self, int64_t offset, int whence) {
  auto& input = *static_cast<FileInput*>(self);
  if (whence == AVSEEK_SIZE) return input.version_.bytes;
  const off_t at = ::lseek(input.fd_, offset, whence & ~AVSEEK_FORCE);
  return at < 0 ? AVERROR(errno) : int64_t(at);
}

Demuxer::Demuxer(const std::string& path, const Watch& watch)
    : path_(path), watch_(watch), input_(path, watch) {
  AVFormatContext* context = ffmpeg().avformat_alloc_context();
  SF_CHECK(context != nullptr, path, ": out of memory");
  context->pb = input_.context();
  context->interrupt_callback = {
      [](void* self) { return int(static_cast<FileInput*>(self)->watch().expired()); }, &input_};
  AVDictionary* settings = nullptr;
  ffmpeg().av_dict_set(&settings, "format_whitelist", kContainers, 0);
  ffmpeg().av_dict_set(&settings, "protocol_whitelist", "file", 0);
  const int opened =
      ffmpeg().avformat_open_input(&context, path.c_str(), nullptr, &settings);  // frees on failure
  context_.reset(context);
  ffmpeg().av_dict_free(&settings);
  watch_.check(path);
  SF_CHECK(opened != AVERROR_INVALIDDATA, path,
           ": wanted a video file, found data of no known container");
  SF_CHECK(opened == 0, path, ": wanted a video file, found: ", ffmpeg_message(opened));
}

void Demuxer::probe(int64_t max_pixels) {
  // The decoders that probing opens are held to the same limit as ours.
  const std::string limit = std::to_string(max_pixels);
  std::vector<AVDictionary*> settings(context_->nb_streams, nullptr);
  for (AVDictionary*& s : settings) ffmpeg().av_dict_set(&s, "max_pixels", limit.c_str(), 0);
  const int found = ffmpeg().avformat_find_stream_info(
      context_.get(), settings.empty() ? nullptr : settings.data());
  for (AVDictionary*& s : settings) ffmpeg().av_dict_free(&s);
  watch_.check(path_);
  SF_CHECK(found >= 0, path_, ": wanted a video stream, found: ", ffmpeg_message(found));
  for (int i = 0; i < int(context_->nb_streams) && stream_ == nullptr; ++i) choose(i);
  SF_CHECK(stream_ != nullptr, path_, ": wanted a video stream, found none");
}

bool Demuxer::choose(int stream) {
  if (stream >= int(context_->nb_streams)) return false;
  AVStream* s = context_->streams[stream];
  if (s->codecpar->codec_type != AVMEDIA_TYPE_VIDEO ||
      (s->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0)
    return false;
  stream_ = s;
  for (unsigned i = 0; i < context_->nb_streams; ++i)
    if (int(i) != stream) context_->streams[i]->discard = AVDISCARD_ALL;
  return true;
}

bool Demuxer::next(AVPacket* packet) {
  while (true) {
    watch_.check(path_);
    ffmpeg().av_packet_unref(packet);
    if (ffmpeg().av_read_frame(context_.get(), packet) < 0) {
      watch_.check(path_);
      return false;
    }
    if (packet->stream_index == stream_->index) return true;
  }
}

bool Demuxer::seek(int64_t time) {
  const bool done =
      ffmpeg().av_seek_frame(context_.get(), stream_->index, time, AVSEEK_FLAG_BACKWARD) >= 0;
  watch_.check(path_);
  return done;
}

}  // namespace sf
