#include "data/color_jitter.h"

#include <cmath>

#include "configs/config.h"
#include "data/random_draws.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

enum Draw : uint64_t { kJitter, kLighting };
enum JitterDraw : uint64_t { kOrder, kFactors };

float grey_of(const float* pixel) {
  return 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
}

void check_share(double share, const char* name) {
  SF_CHECK(std::isfinite(share) && share >= 0, "color jitter: wanted a largest change of ", name,
           " of at least 0, found ", share);
}

}  // namespace

void change_color(const ClipView& clip, const ColorFactor& change) {
  const auto factor = float(change.factor), rest = float(1 - change.factor);
  const int64_t n = clip.frame_floats();
  for (int64_t t = 0; t < clip.frames; ++t) {
    float* const x = clip.frame(t);
    if (change.change == ColorChange::saturation) {
      for (int64_t i = 0; i < n; i += 3) {
        const float zero = rest * grey_of(x + i);
        for (int64_t c = 0; c < 3; ++c) x[i + c] = factor * x[i + c] + zero;
      }
      continue;
    }
    float zero = 0;
    if (change.change == ColorChange::contrast) {
      double sum = 0;
      for (int64_t i = 0; i < n; i += 3) sum += grey_of(x + i);
      zero = rest * float(sum / double(n / 3));
    }
    for (int64_t i = 0; i < n; ++i) x[i] = factor * x[i] + zero;
  }
}

std::vector<ColorFactor> draw_color_jitter(const ColorJitter& jitter, const CounterRng& rng) {
  check_share(jitter.brightness, "brightness");
  check_share(jitter.contrast, "contrast");
  check_share(jitter.saturation, "saturation");
  const std::array most{jitter.brightness, jitter.contrast, jitter.saturation};
  const CounterRng factors = derived(rng, kFactors);
  std::vector<ColorFactor> changes;
  for (int64_t i : permutation(derived(rng, kOrder), 3)) {
    const double m = most[size_t(i)];
    if (m == 0) continue;
    changes.push_back(
        {.change = ColorChange(i), .factor = 1 + uniform(factors, uint64_t(i), -m, m)});
  }
  return changes;
}

std::array<float, 3> draw_lighting(const Lighting& lighting, const CounterRng& rng) {
  SF_CHECK(std::isfinite(lighting.deviation) && lighting.deviation >= 0,
           "lighting: wanted a deviation of at least 0, found ", lighting.deviation);
  std::array<float, 3> added;
  for (size_t color = 0; color < 3; ++color) {
    double sum = 0;
    for (size_t i = 0; i < 3; ++i) {
      const double share = lighting.deviation * rng.normal(i);
      sum += lighting.directions[color][i] * share * lighting.strengths[i];
    }
    added[color] = float(sum);
  }
  return added;
}

void augment_colors(const ClipView& clip, const ColorAugmentation& augmentation,
                    const CounterRng& rng) {
  if (augmentation.jitter) {
    for (const ColorFactor& change : draw_color_jitter(*augmentation.jitter, derived(rng, kJitter)))
      change_color(clip, change);
  }
  const auto added = draw_lighting(augmentation.lighting, derived(rng, kLighting));
  const int64_t n = clip.frames * clip.frame_floats();
  for (int64_t i = 0; i < n; i += 3)
    for (size_t c = 0; c < 3; ++c) clip.data[i + int64_t(c)] += added[c];
}

std::optional<ColorAugmentation> color_augmentation(const Config& config) {
  if (!config.get<bool>("AVA.TRAIN_USE_COLOR_AUGMENTATION")) return {};
  ColorAugmentation a;
  if (!config.get<bool>("AVA.TRAIN_PCA_JITTER_ONLY")) a.jitter = ColorJitter{};
  const auto three = [](const std::vector<double>& values, const char* key) {
    SF_CHECK(values.size() == 3, key, ": wanted 3 values, found ", values.size());
    return std::array{values[0], values[1], values[2]};
  };
  a.lighting.strengths =
      three(config.get<std::vector<double>>("DATA.TRAIN_PCA_EIGVAL"), "DATA.TRAIN_PCA_EIGVAL");
  const auto rows = config.get<std::vector<std::vector<double>>>("DATA.TRAIN_PCA_EIGVEC");
  SF_CHECK(rows.size() == 3, "DATA.TRAIN_PCA_EIGVEC: wanted 3 lists, found ", rows.size());
  for (size_t i = 0; i < 3; ++i) a.lighting.directions[i] = three(rows[i], "DATA.TRAIN_PCA_EIGVEC");
  return a;
}

}  // namespace sf
