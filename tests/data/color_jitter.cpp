#include "data/color_jitter.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "configs/config.h"
#include "data/random_draws.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr int64_t kFrames = 3;
constexpr int kHeight = 5, kWidth = 7;

CounterRng clip_rng(int64_t i) { return derived(CounterRng("clips"), uint64_t(i)); }

struct Clip {
  std::vector<float> values;
  ClipView view;

  Clip()
      : values(size_t(kFrames * kHeight * kWidth * 3)),
        view{values.data(), kFrames, kHeight, kWidth} {
    const CounterRng rng("values");
    for (size_t i = 0; i < values.size(); ++i) values[i] = rng.uniform(i, 0, 1);
  }
  Clip(const Clip&) = delete;
  Clip& operator=(const Clip&) = delete;
};

double grey(const float* p) { return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]; }

// The definition in float64; results in float32 differ by some roundings of values around 1.
constexpr double kRounding = 1e-6;

TEST(ColorJitter, ChangesBlendWithBlackMeanGreyOrGrey) {
  const Clip before;
  constexpr int64_t kPixels = kHeight * kWidth;
  for (const double factor : {0.6, 1.0, 1.37}) {
    Clip bright, contrasted, saturated;
    change_color(bright.view, {ColorChange::brightness, factor});
    change_color(contrasted.view, {ColorChange::contrast, factor});
    change_color(saturated.view, {ColorChange::saturation, factor});
    for (int64_t t = 0; t < kFrames; ++t) {
      double mean = 0;
      for (int64_t i = 0; i < kPixels; ++i) mean += grey(before.view.frame(t) + 3 * i) / kPixels;
      for (int64_t i = 0; i < 3 * kPixels; ++i) {
        const float* const frame = before.view.frame(t);
        const double x = factor * frame[i], rest = 1 - factor;
        ASSERT_NEAR(bright.view.frame(t)[i], x, kRounding);
        ASSERT_NEAR(contrasted.view.frame(t)[i], x + rest * mean, kRounding);
        ASSERT_NEAR(saturated.view.frame(t)[i], x + rest * grey(frame + i / 3 * 3), kRounding);
      }
    }
  }
}

TEST(ColorJitter, EveryOrderIsAsLikelyAndFactorsAreEven) {
  constexpr int64_t kClips = 20000;
  const ColorJitter jitter{.brightness = 0.4, .contrast = 0.2, .saturation = 0.1};
  const double most[] = {0.4, 0.2, 0.1};
  std::map<std::vector<ColorChange>, int64_t> orders;
  double sum[3] = {}, squares[3] = {};
  for (int64_t i = 0; i < kClips; ++i) {
    std::vector<ColorChange> order;
    for (const ColorFactor& f : draw_color_jitter(jitter, clip_rng(i))) {
      order.push_back(f.change);
      const double scaled = (f.factor - 1) / most[size_t(f.change)];
      ASSERT_LE(std::abs(scaled), 1 + 1e-9);
      sum[size_t(f.change)] += scaled;
      squares[size_t(f.change)] += scaled * scaled;
    }
    ++orders[order];
  }
  EXPECT_EQ(orders.size(), 6u);
  for (const auto& [order, n] : orders)
    EXPECT_NEAR(double(n), kClips / 6.0, 5 * std::sqrt(kClips * 5 / 36.0));
  // Even draws from [-1, 1] have variance 1/3, their squares 4/45. Five standard errors.
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(sum[i] / kClips, 0, 5 * std::sqrt(1.0 / 3 / kClips));
    EXPECT_NEAR(squares[i] / kClips, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kClips));
  }
  const auto one = draw_color_jitter({.brightness = 0, .saturation = 0}, clip_rng(0));
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].change, ColorChange::contrast);
  EXPECT_THROW(draw_color_jitter({.contrast = -0.1}, clip_rng(0)), Error);
}

TEST(ColorJitter, LightingHasTheCovarianceOfItsChanges) {
  constexpr int64_t kClips = 20000;
  const Lighting l{.deviation = 0.3, .strengths = {0.1, 0.2, 0.4}};
  double sum[3] = {}, products[3][3] = {};
  for (int64_t i = 0; i < kClips; ++i) {
    const auto added = draw_lighting(l, clip_rng(i));
    for (size_t a = 0; a < 3; ++a) {
      sum[a] += added[a];
      for (size_t b = 0; b < 3; ++b) products[a][b] += double(added[a]) * added[b];
    }
  }
  double covariance[3][3] = {};
  for (size_t a = 0; a < 3; ++a)
    for (size_t b = 0; b < 3; ++b)
      for (size_t i = 0; i < 3; ++i)
        covariance[a][b] +=
            l.directions[a][i] * l.directions[b][i] * std::pow(l.strengths[i] * l.deviation, 2);
  // Five standard errors; normal x and y have the variance xx yy + xy^2 of their product.
  for (size_t a = 0; a < 3; ++a) {
    EXPECT_NEAR(sum[a] / kClips, 0, 5 * std::sqrt(covariance[a][a] / kClips));
    for (size_t b = 0; b < 3; ++b) {
      const double variance =
          covariance[a][a] * covariance[b][b] + covariance[a][b] * covariance[a][b];
      EXPECT_NEAR(products[a][b] / kClips, covariance[a][b], 5 * std::sqrt(variance / kClips));
    }
  }
}

TEST(ColorJitter, AClipIsJitteredThenLit) {
  const ColorAugmentation both{.jitter = ColorJitter{}, .lighting = {.deviation = 0.3}};
  const ColorAugmentation lighting_alone{.lighting = {.deviation = 0.3}};
  const ColorAugmentation jitter_alone{.jitter = ColorJitter{}, .lighting = {.deviation = 0}};
  const Clip before;
  Clip changed, lit, jittered;
  augment_colors(changed.view, both, clip_rng(4));
  augment_colors(lit.view, lighting_alone, clip_rng(4));
  augment_colors(jittered.view, jitter_alone, clip_rng(4));
  EXPECT_NE(jittered.values, before.values);
  for (size_t i = 0; i < before.values.size(); ++i) {
    const float added = lit.values[i] - before.values[i];
    ASSERT_NEAR(added, lit.values[i % 3] - before.values[i % 3], kRounding) << "every pixel alike";
    ASSERT_NEAR(changed.values[i], jittered.values[i] + added, kRounding);
  }
  EXPECT_GT(std::abs(lit.values[0] - before.values[0]), 1e-3);
  Clip again;
  augment_colors(again.view, both, clip_rng(4));
  EXPECT_EQ(again.values, changed.values);
  augment_colors(again.view, both, clip_rng(5));
  EXPECT_NE(again.values, changed.values);
}

TEST(ColorJitter, TheConfigurationTurnsItOn) {
  Config config;
  EXPECT_FALSE(color_augmentation(config));
  config.set("AVA.TRAIN_USE_COLOR_AUGMENTATION", "True");
  EXPECT_EQ(color_augmentation(config), ColorAugmentation{});
  config.set("AVA.TRAIN_PCA_JITTER_ONLY", "False");
  EXPECT_EQ(color_augmentation(config), ColorAugmentation{.jitter = ColorJitter{}});
  config.set("DATA.TRAIN_PCA_EIGVEC", "[[1, 2, 3], [4, 5, 6], [7, 8, 9]]");
  EXPECT_EQ(color_augmentation(config)->lighting.directions[1][2], 6);
  config.set("DATA.TRAIN_PCA_EIGVEC", "[[1, 2], [4, 5], [7, 8]]");
  EXPECT_THROW(color_augmentation(config), Error);
}

}  // namespace
}  // namespace sf
