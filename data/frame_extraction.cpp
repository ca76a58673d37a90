#include "data/frame_extraction.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "data/jpeg_writer.h"
#include "data/video_reader.h"
#include "kernels/base/error.h"
#include "kernels/base/threads.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPicturesAtOnce = 64;  // each has the time limit
constexpr double kMostPictures = 1e9;

// The folder of one video. It has its name as soon as all is in it, and is gone otherwise.
class PictureFolder {
 public:
  PictureFolder(const fs::path& dir, const std::string& name)
      : path_(dir / name), temporary_(dir / cat(".sf-writing-", name)) {
    remove();  // of a run that was stopped
    fs::create_directories(temporary_);
  }
  PictureFolder(const PictureFolder&) = delete;
  PictureFolder& operator=(const PictureFolder&) = delete;
  ~PictureFolder() {
    if (!finished_) remove();
  }

  fs::path picture(int64_t number) const {
    return temporary_ / fmt::format("{}_{:06}.jpg", path_.filename().string(), number);
  }
  void finish() {
    fs::rename(temporary_, path_);
    finished_ = true;
  }

 private:
  void remove() const noexcept {
    std::error_code ignored;
    fs::remove_all(temporary_, ignored);
  }

  fs::path path_, temporary_;
  bool finished_ = false;
};

int64_t extract(const fs::path& video, const FrameExtraction& o) {
  VideoReader reader(video, {.timeout_seconds = o.timeout_seconds});
  const double fps = reader.info().fps;
  SF_CHECK(fps > 0, video.string(), ": wanted a video that states its frame rate");
  const int64_t expected = resampled_count(o, fps, reader.expected_frames());
  JpegEncoder encoder;
  PictureFolder folder(o.dir, video.stem().string());
  int64_t written = 0;
  while (written < expected) {
    const auto frames =
        resampled_frames(o, fps, written, std::min(kPicturesAtOnce, expected - written));
    const auto write = [&](size_t k, const Picture& picture) {
      write_jpeg(folder.picture(written + int64_t(k) + 1), encoder, picture, o.quality);
    };
    const size_t found =
        written == 0 ? reader.visit_window(frames, write) : reader.visit(frames, write);
    written += int64_t(found);
    if (found < frames.size()) break;  // not all packets decode
  }
  SF_CHECK(written > 0, video.string(), ": wanted frames from second ", o.start,
           " on, found none that decodes");
  folder.finish();
  return written;
}

void check(std::span<const fs::path> videos, const FrameExtraction& o) {
  SF_CHECK(o.fps > 0 && o.fps <= 1000, "frame extraction: wanted a rate in (0, 1000], found ",
           o.fps);
  SF_CHECK(o.start >= 0 && o.start <= 1e6,
           "frame extraction: wanted a start of 0 to 1000000 s, found ", o.start);
  SF_CHECK(o.duration.value_or(1) > 0, "frame extraction: wanted a positive duration, found ",
           o.duration.value_or(0));
  SF_CHECK(o.quality >= 1 && o.quality <= 100,
           "frame extraction: wanted a quality of 1 to 100, found ", o.quality);
  std::map<std::string, fs::path> names;
  for (const fs::path& video : videos) {
    SF_CHECK(!video.stem().empty(), video.string(), ": wanted a file with a name");
    const auto [same, is_new] = names.emplace(video.stem().string(), video);
    SF_CHECK(is_new, video.string(), ": wanted videos of different names, found ",
             same->second.string(), " too");
  }
}

}  // namespace

std::vector<int64_t> resampled_frames(const FrameExtraction& o, double video_fps, int64_t first,
                                      int64_t count) {
  constexpr double kRounding = 1e-6;  // of a frame: products of rates are not exact
  std::vector<int64_t> frames;
  for (int64_t n = first; n < first + count; ++n) {
    const double seconds = o.start + (double(n) + 0.5) / o.fps;
    frames.push_back(std::max<int64_t>(0, int64_t(std::ceil(seconds * video_fps - kRounding)) - 1));
  }
  return frames;
}

int64_t resampled_count(const FrameExtraction& o, double video_fps, int64_t frames) {
  const double seconds = std::min(double(frames) / video_fps - o.start, o.duration.value_or(1e9));
  return int64_t(std::clamp(std::nearbyint(seconds * o.fps), 0.0, kMostPictures));
}

std::vector<ExtractedVideo> extract_frames(std::span<const fs::path> videos,
                                           const FrameExtraction& o) {
  check(videos, o);
  std::error_code error;
  fs::create_directories(o.dir, error);
  SF_CHECK(!error, o.dir.string(), ": ", error.message());
  std::vector<ExtractedVideo> results(videos.size());
  std::mutex mutex;
  parallel_for(int64_t(videos.size()), 1, [&](int64_t i) {
    ExtractedVideo& result = results[size_t(i)];
    const fs::path& video = videos[size_t(i)];
    try {
      result.was_there = fs::exists(o.dir / video.stem());
      if (!result.was_there) result.pictures = extract(video, o);
    } catch (const std::exception& e) { result.fault = e.what(); }
    const std::lock_guard lock(mutex);
    if (o.progress) o.progress();
  });
  return results;
}

}  // namespace sf
