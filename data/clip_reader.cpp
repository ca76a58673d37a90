#include "data/clip_reader.h"

#include <algorithm>
#include <utility>

#include "data/random_draws.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

enum Draw : uint64_t { kRate, kFps, kStart, kOrder, kFirstCopy };

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

// What one copy of a window takes of the pictures: one choice for all frames or one for each.
struct Copy {
  std::vector<SpatialChoice> choices;
  std::vector<Resampler> resamplers;
  ClipPlace place;

  void write(const Picture& picture, size_t frame, float* to) {
    const size_t i = choices.size() == 1 ? 0 : frame;
    resamplers[i].run(part_of(picture, choices[i].from), to);
  }
};

Copy make_copy(const TrainLoaderOptions& o, PictureSize picture, int crop, const CounterRng& rng,
               ClipPlace place) {
  Copy copy{.choices = random_spatial(o.jitter, picture, crop, o.sampling.num_frames, rng),
            .resamplers = {},
            .place = place};
  for (const SpatialChoice& c : copy.choices) {
    copy.resamplers.emplace_back(PictureSize{c.from.height, c.from.width}, c.size, c.crop,
                                 o.normalization, c.mirror);
  }
  return copy;
}

// A frame of the video that is shown at a position of the clip.
struct Shown {
  int64_t frame;
  size_t position;
};

}  // namespace

std::shared_ptr<const VideoIndex> read_random_clips(const std::string& path,
                                                    std::shared_ptr<const VideoIndex> index,
                                                    const TrainLoaderOptions& o, int crop,
                                                    const CounterRng& rng, std::stop_token cancel,
                                                    std::span<const ClipPlace> places) {
  VideoReader reader(
      path,
      {.timeout_seconds = o.decode_timeout_seconds, .cancel = cancel, .index = std::move(index)});
  const PictureSize picture{reader.info().height, reader.info().width};
  const int64_t frame_floats = int64_t(crop) * crop * 3;
  const auto slow =
      o.alpha > 0 ? slow_indices(o.sampling.num_frames, o.alpha) : std::vector<int64_t>();
  int64_t frames = frames_of(*reader.index());
  for (uint64_t w = 0; w < uint64_t(o.windows); ++w) {
    const CounterRng window = derived(rng, w);
    std::vector<Copy> copies;
    for (uint64_t c = 0; c < uint64_t(o.copies); ++c) {
      copies.push_back(make_copy(o, picture, crop, derived(window, kFirstCopy + c),
                                 places[w * uint64_t(o.copies) + c]));
    }
    while (true) {
      SF_CHECK(frames > 0, path, ": wanted frames, found none that decodes");
      const auto clip = random_frames(o, frames, reader.info().fps, window);
      std::vector<Shown> shown;
      for (size_t t = 0; t < clip.size(); ++t) shown.push_back({clip[t], t});
      std::stable_sort(shown.begin(), shown.end(),
                       [](const Shown& a, const Shown& b) { return a.frame < b.frame; });
      std::vector<int64_t> indices;
      for (const Shown& s : shown) indices.push_back(s.frame);
      const size_t read = reader.visit_window(indices, [&](size_t k, const Picture& p) {
        for (Copy& copy : copies) {
          copy.write(p, shown[k].position,
                     copy.place.fast + int64_t(shown[k].position) * frame_floats);
        }
      });
      if (read == indices.size()) break;
      // The header promises frames that the file does not have.
      SF_CHECK(reader.frame_count() < frames, path, ": wanted frame ", indices[read],
               ", found that it does not decode");
      frames = reader.frame_count();
    }
    for (const Copy& copy : copies) {
      for (size_t t = 0; t < slow.size(); ++t) {
        std::copy_n(copy.place.fast + slow[t] * frame_floats, frame_floats,
                    copy.place.slow + int64_t(t) * frame_floats);
      }
    }
  }
  return reader.index();
}

}  // namespace sf
