#include "data/key_frame_reader.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "data/frame_order.h"
#include "data/jpeg.h"
#include "data/picture_resize.h"
#include "data/random_draws.h"
#include "data/temporal_sampling.h"
#include "data/watch.h"
#include "kernels/base/error.h"
#include "tensor/mapped_file.h"

namespace sf {
namespace {

enum Draw : uint64_t { kOrder, kSpatial, kColors };

// Makes pictures into frames of a clip.
class FrameMaker {
 public:
  // With `normalize` off, values stay in [0, 1].
  FrameMaker(PictureSize source, const SpatialChoice& choice, const TrainLoaderOptions& o,
             bool normalize) {
    const Normalization n =
        normalize ? o.normalization : Normalization{.mean = {0, 0, 0}, .std = {1, 1, 1}};
    if (o.key_frames->pictures == KeyFrameOptions::Pictures::pytorch) {
      resampler_.emplace(source, choice.size, choice.crop, n, choice.mirror);
      return;
    }
    const PictureSize cut{choice.crop.height, choice.crop.width};
    resizer_.emplace(source, choice.size, choice.crop);
    resampler_.emplace(cut, cut, Box{0, 0, cut.height, cut.width}, n, choice.mirror);
  }

  void run(const Picture& picture, float* to) {
    resampler_->run(resizer_ ? resizer_->run(picture) : picture, to);
  }

 private:
  std::optional<PictureResizer> resizer_;
  std::optional<Resampler> resampler_;
};

// Writes the pictures of one clip to its place.
class KeyFrameClip {
 public:
  KeyFrameClip(const TrainLoaderOptions& o, int crop, PictureSize picture, const CounterRng& rng,
               const PlaceOfClip& place)
      : options_(o),
        rng_(rng),
        choice_(key_frame_choice(o, crop, picture, derived(rng, kSpatial))),
        maker_(picture, choice_, o, !o.key_frames->colors) {
    const Box& box = choice_.crop;
    place_ = place({box.height, box.width});
    clip_ = {.data = place_.fast,
             .frames = o.sampling.num_frames,
             .height = box.height,
             .width = box.width};
  }

  const SpatialChoice& choice() const { return choice_; }

  void write(const Picture& picture, size_t position) {
    maker_.run(picture, clip_.frame(int64_t(position)));
  }
  void repeat(size_t earlier, size_t position) {
    std::copy_n(clip_.frame(int64_t(earlier)), clip_.frame_floats(),
                clip_.frame(int64_t(position)));
  }
  // After the last picture.
  void finish() {
    if (const auto& colors = options_.key_frames->colors) {
      augment_colors(clip_, *colors, derived(rng_, kColors));
      normalize(clip_, options_.normalization);
    }
    if (options_.alpha > 0) copy_slow_frames(clip_, options_.alpha, place_.slow);
  }

 private:
  const TrainLoaderOptions& options_;
  const CounterRng rng_;
  SpatialChoice choice_;
  FrameMaker maker_;
  ClipPlace place_;
  ClipView clip_;
};

// Of `frames` frames of the list's rate, of which the video may have another: the last one that is
// not shown half a frame or more too late.
int64_t frame_of_video(int64_t frame, double list_fps, double video_fps, int64_t frames) {
  const double at = (double(frame) + 0.5) * (video_fps / list_fps);
  return std::clamp(int64_t(std::ceil(at)) - 1, int64_t(0), frames - 1);
}

std::vector<int64_t> clip_frames(const KeyFrame& key_frame, const TrainLoaderOptions& o,
                                 int64_t frames, const CounterRng& rng) {
  return in_order(
      o.frame_order,
      centred_indices(key_frame.frame, o.sampling.num_frames, o.sampling.sampling_rate, frames),
      derived(rng, kOrder));
}

std::vector<BoxCorners> fitted_boxes(const KeyFrame& key_frame, PictureSize source,
                                     const SpatialChoice& choice) {
  std::vector<BoxCorners> boxes;
  for (const LabelledBox& b : key_frame.boxes) boxes.push_back(fitted_box(b.box, source, choice));
  return boxes;
}

std::vector<BoxCorners> read_pictures(const KeyFrame& key_frame, const TrainLoaderOptions& o,
                                      int crop, const CounterRng& rng, std::stop_token cancel,
                                      const PlaceOfClip& place) {
  const FrameList& list = *key_frame.frames;
  const Watch watch(o.decode_timeout_seconds, std::move(cancel));
  const FramePositions order(clip_frames(key_frame, o, list.size(), rng));
  PictureBuffer buffer;
  std::optional<KeyFrameClip> clip;
  PictureSize size;
  for (size_t k = 0; k < order.frames.size(); ++k) {
    if (order.repeats(k)) {
      clip->repeat(order.positions[k - 1], order.positions[k]);
      continue;
    }
    const auto path = list.path(order.frames[k]);
    watch.check(path.string());
    read_jpeg(path, buffer);
    const Picture picture = buffer.view();
    naming_file(path, [&] {
      if (!clip) {
        size = {picture.height, picture.width};
        clip.emplace(o, crop, size, rng, place);
      }
      clip->write(picture, order.positions[k]);
    });
  }
  clip->finish();
  return fitted_boxes(key_frame, size, clip->choice());
}

std::vector<BoxCorners> read_video(const KeyFrame& key_frame,
                                   std::shared_ptr<const VideoIndex>& index,
                                   const TrainLoaderOptions& o, int crop, const CounterRng& rng,
                                   std::stop_token cancel, const PlaceOfClip& place) {
  const FrameList& list = *key_frame.frames;
  const auto path = list.path(0);
  VideoReader reader(
      path,
      {.timeout_seconds = o.decode_timeout_seconds, .cancel = std::move(cancel), .index = index});
  index = reader.index();
  const PictureSize size{reader.info().height, reader.info().width};
  const double fps = reader.info().fps > 0 ? reader.info().fps : list.fps();
  std::optional<KeyFrameClip> clip;
  naming_file(path, [&] { clip.emplace(o, crop, size, rng, place); });
  int64_t frames = frames_of(*index);
  while (true) {
    SF_CHECK(frames > 0, path.string(), ": wanted frames, found none that decodes");
    const auto listed = std::max<int64_t>(1, std::llround(double(frames) * (list.fps() / fps)));
    std::vector<int64_t> numbers = clip_frames(key_frame, o, listed, rng);
    for (int64_t& n : numbers) n = frame_of_video(n, list.fps(), fps, frames);
    const FramePositions order(numbers);
    const size_t read = reader.visit_window(order.frames, [&](size_t k, const Picture& picture) {
      if (order.repeats(k)) return clip->repeat(order.positions[k - 1], order.positions[k]);
      clip->write(picture, order.positions[k]);
    });
    if (read == order.frames.size()) break;
    // Not all packets decode.
    const int64_t found = reader.frame_count();
    SF_CHECK(found < frames, path.string(), ": wanted ", frames,
             " frames, found one that does not decode");
    frames = found;
  }
  clip->finish();
  return fitted_boxes(key_frame, size, clip->choice());
}

}  // namespace

SpatialChoice key_frame_choice(const TrainLoaderOptions& o, int crop, PictureSize picture,
                               const CounterRng& rng) {
  using Crop = KeyFrameOptions::Crop;
  const KeyFrameOptions& k = *o.key_frames;
  if (k.crop == Crop::random)
    return random_spatial(o.jitter, picture, crop, o.sampling.num_frames, rng)[0];
  const PictureSize size = short_side_size(picture, o.jitter.min_short_side);
  return {.from = {0, 0, picture.height, picture.width},
          .size = size,
          .crop = k.crop == Crop::middle ? uniform_crop(size, crop, 1)
                                         : Box{0, 0, size.height, size.width},
          .mirror = k.mirror};
}

std::vector<BoxCorners> read_key_frame(const KeyFrame& key_frame,
                                       std::shared_ptr<const VideoIndex>& index,
                                       const TrainLoaderOptions& options, int crop,
                                       const CounterRng& rng, std::stop_token cancel,
                                       const PlaceOfClip& place) {
  return key_frame.frames->is_video_file()
             ? read_video(key_frame, index, options, crop, rng, std::move(cancel), place)
             : read_pictures(key_frame, options, crop, rng, std::move(cancel), place);
}

}  // namespace sf
