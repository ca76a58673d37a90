#include "data/sliding_clips.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/pathways.h"
#include "data/task_threads.h"
#include "kernels/base/error.h"

namespace sf {

std::vector<Window> sliding_windows(double frames, double clip, double overlap) {
  SF_CHECK(frames >= 1 && clip >= 1, "clips: wanted at least one frame, found ", frames,
           " of the video and ", clip, " of a clip");
  SF_CHECK(overlap >= 0 && overlap <= clip / 2, "clips: wanted an overlap of 0 to ", clip / 2,
           " frames, half a clip, found ", overlap, " (DEMO.BUFFER_SIZE)");
  const double last = std::max(frames - clip, 0.0);
  std::vector<Window> windows;
  for (double start = 0;; start = double(windows.size()) * (clip - overlap)) {
    const double from = std::min(start, last);
    windows.push_back({from, from + clip - 1});
    if (from == last) return windows;
  }
}

SlidingClips::SlidingClips(const std::filesystem::path& path, const TestLoaderOptions& o,
                           double overlap)
    : path_(path.string()),
      options_(o),
      overlap_(overlap),
      reader_(path, {.threads = std::max(1, bounded_workers(o.workers)),
                     .timeout_seconds = o.decode_timeout_seconds}) {
  SF_CHECK(info().fps > 0, path_, ": wanted a video that states its frame rate");
  clip_ = clip_length(o.sampling, info().fps);
  const PictureSize source{info().height, info().width};
  const PictureSize resized = short_side_size(source, o.short_side);
  for (int crop = 0; crop < o.crops; ++crop) {
    const Box box = uniform_crop(resized, o.crop_size, o.crops == 1 ? 1 : crop);
    resamplers_.emplace_back(source, resized, box, o.normalization);
  }
  const int64_t promised = reader_.expected_frames();
  SF_CHECK(promised > 0, path_, ": wanted frames, found none that decodes");
  plan(promised);
}

void SlidingClips::plan(int64_t frames) {
  frames_ = frames;
  windows_ = sliding_windows(double(frames), clip_, overlap_);
  open_.clear();
  read_ = 0;
}

std::vector<int64_t> SlidingClips::frames_of(size_t clip) const {
  return window_indices(windows_[clip], options_.sampling.num_frames, frames_);
}

// Makes room for all clips that have a frame up to that one.
void SlidingClips::open_until(int64_t frame) {
  while (next_ + open_.size() < windows_.size()) {
    Open open{.frames = frames_of(next_ + open_.size()), .crops = {}};
    if (open.frames.front() > frame) return;
    const Shape shape{int64_t(open.frames.size()), options_.crop_size, options_.crop_size, 3};
    for (size_t c = 0; c < resamplers_.size(); ++c)
      open.crops.emplace_back(TensorType{shape, DType::f32});
    open_.push_back(std::move(open));
  }
}

void SlidingClips::write(const Picture& picture, int64_t frame) {
  const int64_t floats = int64_t(options_.crop_size) * options_.crop_size * 3;
  for (Open& open : open_) {
    const auto [first, end] = std::ranges::equal_range(open.frames, frame);
    if (first == end) continue;
    const auto position = first - open.frames.begin();
    for (size_t c = 0; c < resamplers_.size(); ++c) {
      float* to = open.crops[c].span<float>().data() + position * floats;
      resamplers_[c].run(picture, to);
      for (auto i = 1; i < end - first; ++i) std::copy_n(to, floats, to + i * floats);
    }
  }
}

// Reads what the open clips want up to that frame. False if the video ends before.
bool SlidingClips::read_until(int64_t frame) {
  std::vector<int64_t> wanted;
  for (const Open& open : open_)
    std::ranges::copy_if(open.frames, std::back_inserter(wanted),
                         [&](int64_t f) { return f >= read_ && f <= frame; });
  std::ranges::sort(wanted);
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  const size_t found =
      reader_.visit(wanted, [&](size_t k, const Picture& picture) { write(picture, wanted[k]); });
  read_ = frame + 1;
  return found == wanted.size();
}

std::optional<SlidingClips::Clip> SlidingClips::next() {
  while (next_ < windows_.size()) {
    const int64_t last = frames_of(next_).back();
    open_until(last);
    if (!read_until(last)) {
      // Not all packets decode: the clips that are left end earlier.
      const int64_t found = reader_.frame_count();
      SF_CHECK(found > 0 && found < frames_, path_, ": wanted ", frames_, " frames, found ", found,
               " that decode");
      plan(found);
      continue;
    }
    Clip clip{.window = windows_[next_++], .crops = {}};
    for (Tensor& crop : open_.front().crops)
      clip.crops.push_back(pathways_of(std::move(crop), options_.alpha));
    open_.pop_front();
    return clip;
  }
  return {};
}

}  // namespace sf
