#include "data/clip_reader.h"

#include <algorithm>
#include <utility>

#include "data/picture_ops.h"
#include "data/random_draws.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

enum WindowDraw : uint64_t { kRate, kFps, kStart, kOrder, kFirstCopy };
enum CopyDraw : uint64_t { kSpatial, kAugmentation };
enum AugmentationDraw : uint64_t { kPictures, kErasing };

// The frames of a random window in the order in which the clip shows them.
std::vector<int64_t> random_frames(const TrainLoaderOptions& o, int64_t frames, double fps,
                                   const CounterRng& rng) {
  ClipSampling sampling = o.sampling;
  if (o.max_sampling_rate > 0) {
    const int64_t rates = o.max_sampling_rate - sampling.sampling_rate + 1;
    sampling.sampling_rate += below(rng, kRate, rates);
  }
  sampling.target_fps += uniform(rng, kFps, 0, o.fps_jitter);
  const Window window =
      random_window(double(frames), clip_length(sampling, fps), unit(rng, kStart));
  return in_order(o.frame_order, window_indices(window, sampling.num_frames, frames),
                  derived(rng, kOrder));
}

// Writes the pictures of one clip to its place.
class ClipWriter {
 public:
  ClipWriter(const ClipChoice& choice, const TrainLoaderOptions& options, ClipPlace place,
             const DeviceQueue& queue)
      : choice_(choice), options_(options), slow_(place.slow), queue_(queue) {
    for (const SpatialChoice& c : choice.spatial) {
      resamplers_.emplace_back(PictureSize{c.from.height, c.from.width}, c.size, c.crop,
                               options.normalization, c.mirror, queue);
    }
    const Box crop = choice.spatial[0].crop;
    clip_ = {.data = place.fast,
             .frames = int64_t(choice.frames.size()),
             .height = crop.height,
             .width = crop.width};
  }

  // `earlier` is a position of the same picture that was written before, or this position itself.
  void write(const Picture& picture, size_t position, size_t earlier) {
    float* to = clip_.frame(int64_t(position));
    if (earlier != position && resamplers_.size() == 1 && !options_.rand_augment) {
      copy_frame(to, int64_t(earlier));
      return;
    }
    Picture changed = picture;
    if (options_.rand_augment) {
      changed = changer_.run(
          picture, rand_augment(*options_.rand_augment, derived(choice_.augmentation, kPictures),
                                int64_t(position)));
    }
    const size_t i = resamplers_.size() == 1 ? 0 : position;
    resamplers_[i].run(part_of(changed, choice_.spatial[i].from), to);
  }

  // After the last picture. On a device the work may go on.
  void finish() {
    if (options_.random_erasing)
      erase_randomly(clip_, *options_.random_erasing, derived(choice_.augmentation, kErasing));
    if (options_.alpha > 0) copy_slow_frames(clip_, options_.alpha, slow_, queue_);
  }

 private:
  void copy_frame(float* to, int64_t position) const {
    queue_.copy(to, clip_.frame(position), size_t(clip_.frame_floats()) * sizeof(float));
  }

  const ClipChoice& choice_;
  const TrainLoaderOptions& options_;
  ClipView clip_;
  float* slow_;
  const DeviceQueue& queue_;
  std::vector<Resampler> resamplers_;
  PictureChanger changer_;
};

// Reads the clips of one window, which take the same frames. Returns false if the video ends
// before.
bool read_window(VideoReader& reader, std::span<const ClipChoice> choices,
                 const TrainLoaderOptions& o, std::span<const ClipPlace> places) {
  std::vector<ClipWriter> writers;
  for (size_t c = 0; c < choices.size(); ++c)
    writers.emplace_back(choices[c], o, places[c], reader.queue());

  const FramePositions order(choices[0].frames);
  const size_t read = reader.visit_window(order.frames, [&](size_t k, const Picture& picture) {
    for (ClipWriter& writer : writers)
      writer.write(picture, order.positions[k], order.positions[order.repeats(k) ? k - 1 : k]);
  });
  if (read < order.frames.size()) return false;
  for (ClipWriter& writer : writers) writer.finish();
  reader.queue().synchronize("clips");
  return true;
}

}  // namespace

std::vector<ClipChoice> random_clips(const TrainLoaderOptions& o, int crop, PictureSize picture,
                                     int64_t frames, double fps, const CounterRng& rng) {
  std::vector<ClipChoice> clips;
  for (uint64_t w = 0; w < uint64_t(o.windows); ++w) {
    const CounterRng window = derived(rng, w);
    const auto taken = random_frames(o, frames, fps, window);
    for (uint64_t c = 0; c < uint64_t(o.copies); ++c) {
      const CounterRng copy = derived(window, kFirstCopy + c);
      clips.push_back({.frames = taken,
                       .spatial = random_spatial(o.jitter, picture, crop, o.sampling.num_frames,
                                                 derived(copy, kSpatial)),
                       .augmentation = derived(copy, kAugmentation)});
    }
  }
  return clips;
}

std::shared_ptr<const VideoIndex> read_random_clips(const std::string& path,
                                                    VideoReaderOptions reading,
                                                    const TrainLoaderOptions& o, int crop,
                                                    const CounterRng& rng,
                                                    std::span<const ClipPlace> places) {
  VideoReader reader(path, std::move(reading));
  const auto copies = size_t(o.copies);
  int64_t frames = frames_of(*reader.index());
  for (bool complete = false; !complete;) {
    SF_CHECK(frames > 0, path, ": wanted frames, found none that decodes");
    const auto clips = random_clips(o, crop, {reader.info().height, reader.info().width}, frames,
                                    reader.info().fps, rng);
    complete = true;
    for (size_t first = 0; first < clips.size() && complete; first += copies) {
      complete = read_window(reader, std::span(clips).subspan(first, copies), o,
                             places.subspan(first, copies));
    }
    if (complete) break;
    // Not all packets decode.
    const int64_t found = reader.frame_count();
    SF_CHECK(found < frames, path, ": wanted ", frames, " frames, found one that does not decode");
    frames = found;
  }
  return reader.index();
}

}  // namespace sf
