#include "data/random_spatial.h"

#include <algorithm>
#include <cmath>

#include "data/random_draws.h"
#include "data/temporal_sampling.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

enum Draw : uint64_t { kFlip, kShortSide, kCropY, kCropX, kFirstBox, kLastBox };

Box whole(PictureSize p) { return {0, 0, p.height, p.width}; }

// From the box at the first frame to that at the last.
std::vector<Box> shifted_boxes(const Box& first, const Box& last, int64_t frames) {
  const auto y = linspace_f32(first.y, last.y, frames), x = linspace_f32(first.x, last.x, frames);
  const auto height = linspace_f32(first.height, last.height, frames);
  const auto width = linspace_f32(first.width, last.width, frames);
  std::vector<Box> boxes;
  for (size_t t = 0; t < size_t(frames); ++t)
    boxes.push_back({int(y[t]), int(x[t]), int(height[t]), int(width[t])});
  return boxes;
}

}  // namespace

int jittered_short_side(const SpatialJitter& j, double draw) {
  SF_CHECK(j.min_short_side > 0 && j.max_short_side >= j.min_short_side,
           "jitter: wanted a range of short sides, found ", j.min_short_side, " to ",
           j.max_short_side);
  const double lo = j.min_short_side, hi = j.max_short_side;
  if (!j.inverse_uniform) return int(std::nearbyint(lo + (hi - lo) * draw));
  return int(std::nearbyint(1 / (1 / hi + (1 / lo - 1 / hi) * draw)));
}

Box random_crop(PictureSize picture, int size, double draw_y, double draw_x) {
  SF_CHECK(size > 0 && size <= picture.height && size <= picture.width,
           "crop: wanted a crop within ", picture.height, "x", picture.width, ", found ", size);
  return {int(draw_y * (picture.height - size)), int(draw_x * (picture.width - size)), size, size};
}

Box random_relative_box(PictureSize p, const RelativeCrop& c, const CounterRng& rng) {
  const auto [low, high] = c.aspect;
  for (uint64_t trial = 0; trial < 10; ++trial) {
    const CounterRng draws = derived(rng, trial);
    const double area = uniform(draws, 0, c.scale[0], c.scale[1]) * p.height * p.width;
    const double aspect = std::exp(uniform(draws, 1, std::log(low), std::log(high)));
    const double width = std::nearbyint(std::sqrt(area * aspect));
    const double height = std::nearbyint(std::sqrt(area / aspect));
    if (!(width > 0 && width <= p.width && height > 0 && height <= p.height)) continue;
    const int w = int(width), h = int(height);
    return {int(below(draws, 2, p.height - h + 1)), int(below(draws, 3, p.width - w + 1)), h, w};
  }
  const double aspect = double(p.width) / p.height;
  int w = p.width, h = p.height;
  if (aspect < low) h = std::max(1, int(std::nearbyint(w / low)));
  if (aspect > high) w = std::max(1, int(std::nearbyint(h * high)));
  return {(p.height - h) / 2, (p.width - w) / 2, h, w};
}

std::vector<SpatialChoice> random_spatial(const SpatialJitter& jitter, PictureSize picture,
                                          int crop, int64_t frames, const CounterRng& rng) {
  const bool mirror = jitter.flip && unit(rng, kFlip) < 0.5;
  std::vector<SpatialChoice> choices;
  if (!jitter.relative) {
    const PictureSize size =
        short_side_size(picture, jittered_short_side(jitter, unit(rng, kShortSide)));
    choices.push_back({.from = whole(picture),
                       .size = size,
                       .crop = random_crop(size, crop, unit(rng, kCropY), unit(rng, kCropX)),
                       .mirror = mirror});
    return choices;
  }
  std::vector<Box> boxes = {
      random_relative_box(picture, *jitter.relative, derived(rng, kFirstBox))};
  if (jitter.relative->motion_shift) {
    const Box last = random_relative_box(picture, *jitter.relative, derived(rng, kLastBox));
    boxes = shifted_boxes(boxes[0], last, frames);
  }
  for (const Box& box : boxes) {
    choices.push_back(
        {.from = box, .size = {crop, crop}, .crop = {0, 0, crop, crop}, .mirror = mirror});
  }
  return choices;
}

}  // namespace sf
