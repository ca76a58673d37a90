// The packets of video files. For the sources of the video reader only.
#pragma once

#include <cstdint>
#include <string>

#include "data/ffmpeg_handles.h"
#include "data/watch.h"

namespace sf {

// A file as it was when it was opened.
struct FileVersion {
  int64_t bytes = 0;
  int64_t modified_ns = 0;
  friend bool operator==(const FileVersion&, const FileVersion&) = default;
};

// A regular file under an AVIOContext: FFmpeg itself opens nothing. Throws if it is no such file.
class FileInput {
 public:
  FileInput(const std::string& path, const Watch& watch);
  FileInput(const FileInput&) = delete;
  FileInput& operator=(const FileInput&) = delete;
  ~FileInput();

  AVIOContext* context() { return io_; }
  const Watch& watch() const { return watch_; }
  FileVersion version() const { return version_; }

 private:
  static int read(void* self, uint8_t* to, int bytes);
  static int64_t seek(void* self, int64_t offset, int whence);

  const Watch& watch_;
  int fd_ = -1;
  FileVersion version_;
  AVIOContext* io_ = nullptr;
};

// The packets of the first video stream of a file. Calls throw sf::Error when the watch has run
// out. The path and the watch must outlive it.
class Demuxer {
 public:
  // Opens the file and its containers' header. Throws if there is none.
  Demuxer(const std::string& path, const Watch& watch);
  Demuxer(const Demuxer&) = delete;
  Demuxer& operator=(const Demuxer&) = delete;

  FileVersion version() const { return input_.version(); }
  // FFmpeg's names of the container, such as "mov,mp4,m4a,3gp,3g2,mj2".
  std::string container() const { return context_->iformat->name; }

  // Chooses the stream, and reads as many packets as it takes to know its properties. Throws if
  // there is none.
  void probe(int64_t max_pixels);
  // Chooses the stream of that number without reading packets. False if the header names no such
  // video stream: then the container needs probe().
  bool choose(int stream);

  // After probe() or choose().
  AVStream* stream() const { return stream_; }
  // The next packet of the stream. False at the end of the file.
  bool next(AVPacket* packet);
  // Lets next() continue at a key frame at or before that time, in units of the stream. False if
  // the container cannot.
  bool seek(int64_t time);

 private:
  const std::string& path_;
  const Watch& watch_;
  FileInput input_;
  InputHandle context_;
  AVStream* stream_ = nullptr;
};

}  // namespace sf
