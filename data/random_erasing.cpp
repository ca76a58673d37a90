#include "data/random_erasing.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "configs/config.h"
#include "data/random_draws.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr int kTrials = 100;  // until a box fits
constexpr double kLeastArea = 0.02, kMostArea = 1.0 / 3;
const double kMostLogAspect = std::log(1 / 0.3);

enum Draw : uint64_t { kErased, kCount, kBoxes, kFill };

void check(const RandomErasingOptions& o) {
  SF_CHECK(o.probability >= 0 && o.probability <= 1,
           "random erasing: wanted a probability in [0, 1], found ", o.probability);
  SF_CHECK(o.most_boxes >= 1, "random erasing: wanted at least one box, found ", o.most_boxes);
}

// Standard normal values of positions from `first` on, in pairs by Box and Muller.
void fill_normal(const CounterRng& rng, uint64_t first, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 2) {
    const uint64_t position = first + uint64_t(i);
    const double radius = std::sqrt(-2 * std::log(1 - unit(rng, position)));
    const double angle = 2 * std::numbers::pi * unit(rng, position + 1);
    out[i] = float(radius * std::cos(angle));
    if (i + 1 < n) out[i + 1] = float(radius * std::sin(angle));
  }
}

void erase(const ClipView& clip, int64_t first_frame, Box box, ErasingFill fill,
           const CounterRng& rng) {
  const int64_t row = int64_t(box.width) * 3;
  const auto row_draws = uint64_t(row + row % 2);
  for (int64_t t = first_frame; t < clip.frames; ++t) {
    float color[3] = {};
    if (fill == ErasingFill::color) fill_normal(rng, uint64_t(4 * t), color, 3);
    for (int y = 0; y < box.height; ++y) {
      float* to = clip.frame(t) + (box.y + y) * clip.row_floats() + int64_t(box.x) * 3;
      if (fill == ErasingFill::pixels) {
        fill_normal(rng, (uint64_t(t) * uint64_t(box.height) + uint64_t(y)) * row_draws, to, row);
      } else {
        for (int64_t i = 0; i < row; ++i) to[i] = color[i % 3];
      }
    }
  }
}

}  // namespace

ErasingFill parse_erasing_fill(std::string_view word, std::string_view where) {
  if (word == "const") return ErasingFill::zero;
  if (word == "rand") return ErasingFill::color;
  if (word == "pixel") return ErasingFill::pixels;
  throw Error(cat(where, ": wanted const, rand or pixel, found \"", word, "\""));
}

std::vector<Box> erased_boxes(const RandomErasingOptions& o, PictureSize picture,
                              const CounterRng& rng) {
  check(o);
  if (unit(rng, kErased) >= o.probability) return {};
  const int64_t count = 1 + below(rng, kCount, o.most_boxes);
  const CounterRng boxes_rng = derived(rng, kBoxes);
  std::vector<Box> boxes;
  for (int64_t i = 0; i < count; ++i) {
    for (int trial = 0; trial < kTrials; ++trial) {
      const CounterRng draws = derived(boxes_rng, uint64_t(i * kTrials + trial));
      const double area =
          uniform(draws, 0, kLeastArea, kMostArea) * picture.height * picture.width / double(count);
      const double aspect = std::exp(uniform(draws, 1, -kMostLogAspect, kMostLogAspect));
      const int h = int(std::nearbyint(std::sqrt(area * aspect)));
      const int w = int(std::nearbyint(std::sqrt(area / aspect)));
      if (h >= picture.height || w >= picture.width) continue;
      boxes.push_back({int(below(draws, 2, picture.height - h + 1)),
                       int(below(draws, 3, picture.width - w + 1)), h, w});
      break;
    }
  }
  return boxes;
}

void erase_randomly(const ClipView& clip, const RandomErasingOptions& o, const CounterRng& rng) {
  const int64_t first_frame = o.most_boxes > 1 ? clip.frames / o.most_boxes : 0;
  const auto boxes = erased_boxes(o, {clip.height, clip.width}, rng);
  const CounterRng fill = derived(rng, kFill);
  for (size_t i = 0; i < boxes.size(); ++i)
    erase(clip, first_frame, boxes[i], o.fill, derived(fill, i));
}

std::optional<RandomErasingOptions> random_erasing_options(const Config& config) {
  const auto probability = config.get<double>("AUG.RE_PROB");
  if (!config.get<bool>("AUG.ENABLE") || probability == 0) return {};
  const RandomErasingOptions o{
      .probability = probability,
      .fill = parse_erasing_fill(config.get<std::string>("AUG.RE_MODE"), "AUG.RE_MODE"),
      .most_boxes = config.get<int>("AUG.RE_COUNT")};
  SF_CHECK(probability > 0 && probability <= 1, "AUG.RE_PROB: wanted a value in [0, 1], found ",
           probability);
  SF_CHECK(o.most_boxes >= 1, "AUG.RE_COUNT: wanted at least 1, found ", o.most_boxes);
  return o;
}

}  // namespace sf
