#include "data/mixup.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "configs/config.h"
#include "data/random_draws.h"
#include "kernels/base/error.h"
#include "tests/error_of.h"

namespace sf {
namespace {

Tensor counted(Shape shape) {
  Tensor t({shape, DType::f32});
  for (int64_t i = 0; i < t.numel(); ++i) t.span<float>()[size_t(i)] = float(i % 1000);
  return t;
}

std::vector<float> values(const Tensor& t) {
  return {t.span<float>().begin(), t.span<float>().end()};
}

CounterRng draw(int64_t i) { return derived(CounterRng("draws"), uint64_t(i)); }

TEST(Mixup, SharesHaveTheMomentsOfTheBetaDistribution) {
  constexpr int64_t kDraws = 200000;
  for (double alpha : {0.05, 0.2, 0.8, 1.0, 3.5}) {
    double moments[5] = {};  // about 1/2
    for (int64_t i = 0; i < kDraws; ++i) {
      const double x = symmetric_beta(alpha, draw(i));
      ASSERT_TRUE(x >= 0 && x <= 1) << x;
      for (int k = 1; k <= 4; ++k) moments[k] += std::pow(x - 0.5, k) / kDraws;
    }
    // Central moments of Beta(a, a): those of odd order are 0, and with s = 2a + 1
    const double s = 2 * alpha + 1;
    const double second = 1 / (4 * s);
    const double fourth = 3 / (16 * s * (s + 2));
    const double sixth = 15 / (64 * s * (s + 2) * (s + 4));
    const double eighth = 105 / (256 * s * (s + 2) * (s + 4) * (s + 6));
    // Five standard errors each.
    const auto error = [&](double square) { return 5 * std::sqrt(square / kDraws); };
    EXPECT_NEAR(moments[1], 0, error(second)) << alpha;
    EXPECT_NEAR(moments[2], second, error(fourth - second * second)) << alpha;
    EXPECT_NEAR(moments[3], 0, error(sixth)) << alpha;
    EXPECT_NEAR(moments[4], fourth, error(eighth - fourth * fourth)) << alpha;
  }
}

TEST(Mixup, SharesOfBetaOneAreEven) {
  // Kolmogorov's distance exceeds 1.95 / sqrt(n) once in a thousand seeds.
  std::vector<double> shares;
  for (int64_t i = 0; i < 100000; ++i) shares.push_back(symmetric_beta(1, draw(i)));
  std::sort(shares.begin(), shares.end());
  const auto n = double(shares.size());
  for (size_t i = 0; i < shares.size(); ++i)
    ASSERT_NEAR(shares[i], double(i) / n, 1.95 / std::sqrt(n));
}

TEST(Mixup, TinyAlphasGiveWholeClips) {
  // Gamma variates of 1e-4 are mostly too small for a double.
  int64_t ones = 0, between = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    const double x = symmetric_beta(1e-4, draw(i));
    ones += x > 1 - 1e-6;
    between += !(x > 1 - 1e-6 || x < 1e-6);
  }
  EXPECT_NEAR(double(ones), 500, 5 * std::sqrt(250.0));
  EXPECT_LE(between, 10) << "1.4 are expected";
}

TEST(Mixup, ABatchIsMixedAsOftenAndCutAsOftenAsAsked) {
  constexpr int64_t kBatches = 20000;
  const MixupOptions o{.probability = 0.7, .cutmix_probability = 0.3};
  double mixed = 0, cut = 0, sum = 0;
  for (int64_t i = 0; i < kBatches; ++i) {
    const Mixing m = draw_mixing(o, {64, 64}, draw(i));
    mixed += m != Mixing{};
    cut += m.cut.has_value();
    if (m != Mixing{} && !m.cut) sum += m.share;
  }
  const auto five = [](double n, double p) { return 5 * std::sqrt(n * p * (1 - p)); };
  EXPECT_NEAR(mixed, kBatches * 0.7, five(kBatches, 0.7));
  EXPECT_NEAR(cut, mixed * 0.3, five(mixed, 0.3));
  EXPECT_NEAR(sum / (mixed - cut), 0.5, 5 * std::sqrt(1 / (4 * 2.6) / (mixed - cut)));
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_FALSE(draw_mixing({.cutmix_alpha = 0}, {64, 64}, draw(i)).cut);
    EXPECT_TRUE(draw_mixing({.mixup_alpha = 0}, {64, 64}, draw(i)).cut);
  }
}

TEST(Mixup, CutsAreTheOriginalsBoxesAndTheirAreaIsTheOthersShare) {
  const MixupOptions o{.mixup_alpha = 0};
  const PictureSize size{37, 61};
  bool at_border = false, inside = false;
  for (int64_t i = 0; i < 3000; ++i) {
    const Mixing m = draw_mixing(o, size, draw(i));
    const Box& b = *m.cut;
    EXPECT_TRUE(b.y >= 0 && b.x >= 0 && b.y + b.height <= 37 && b.x + b.width <= 61);
    EXPECT_EQ(m.share, 1 - double(b.height) * b.width / (37 * 61));
    const bool clipped = b.y == 0 || b.x == 0 || b.y + b.height == 37 || b.x + b.width == 61;
    at_border |= clipped;
    if (clipped) continue;
    inside = true;
    // An even side that is the same part of the picture's height and of its width.
    EXPECT_EQ(b.height % 2, 0);
    EXPECT_EQ(b.width % 2, 0);
    EXPECT_NEAR(b.height / 37.0, b.width / 61.0, 2 / 37.0);
  }
  EXPECT_TRUE(at_border && inside);
}

TEST(Mixup, CutsTakeTheShareDrawnLessWhatLiesOutside) {
  // The box of a share u has sides of sqrt(u) of the picture's. With the centre anywhere, s - s^2/4
  // of a side s lies inside. u is even for alpha 1: the mean of (s - s^2/4)^2 is 1/2 - 1/5 + 1/48.
  constexpr int64_t kBatches = 20000;
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < kBatches; ++i) {
    const double cut = 1 - draw_mixing({.mixup_alpha = 0}, {4000, 6000}, draw(i)).share;
    sum += cut;
    squares += cut * cut;
  }
  const double mean = sum / kBatches;
  const double error = 5 * std::sqrt((squares / kBatches - mean * mean) / kBatches);
  EXPECT_NEAR(mean, 0.5 - 0.2 + 1 / 48.0, error + 1e-3) << "1e-3 for sides cut to even numbers";
}

TEST(Mixup, EveryPathwayIsBlendedWithTheBatchInReverse) {
  const Mixing mixing{.share = 0.7};
  const float share = 0.7f, other = float(1 - 0.7);
  const Tensor pathways[] = {counted({3, 2, 5, 7, 3}), counted({3, 4, 5, 7, 3})};
  const Tensor before[] = {pathways[0].clone(), pathways[1].clone()};
  mix_clips(mixing, pathways);
  for (size_t p = 0; p < 2; ++p) {
    const auto old = values(before[p]), now = values(pathways[p]);
    const size_t clip = old.size() / 3;
    for (size_t i = 0; i < old.size(); ++i) {
      const size_t partner = (2 - i / clip) * clip + i % clip;
      const bool middle = i / clip == 1;
      ASSERT_EQ(now[i], middle ? old[i] : share * old[i] + other * old[partner]) << p << " " << i;
    }
  }
}

TEST(Mixup, EveryPathwayTakesTheBoxFromTheBatchInReverse) {
  const Mixing mixing{.share = 1 - 6.0 / 35, .cut = Box{1, 4, 2, 3}};
  const Tensor pathways[] = {counted({5, 2, 5, 7, 3}), counted({5, 4, 5, 7, 3})};
  const Tensor before[] = {pathways[0].clone(), pathways[1].clone()};
  mix_clips(mixing, pathways);
  for (size_t p = 0; p < 2; ++p) {
    const auto old = values(before[p]), now = values(pathways[p]);
    const size_t clip = old.size() / 5;
    for (size_t i = 0; i < old.size(); ++i) {
      const size_t x = i / 3 % 7, y = i / 21 % 5;
      const bool taken = y >= 1 && y < 3 && x >= 4 && x < 7;
      const size_t partner = (4 - i / clip) * clip + i % clip;
      ASSERT_EQ(now[i], old[taken ? partner : i]) << p << " " << i;
    }
  }
}

TEST(Mixup, TargetsAreSmoothedAndMixed) {
  const std::vector<int64_t> labels = {2, 0, 3};
  const Tensor t = mixed_targets({.share = 0.75}, labels, 4, 0.1);
  const float own = 0.925f, rest = 0.025f;
  const auto both = [](float a, float b) { return 0.75f * a + 0.25f * b; };
  EXPECT_EQ(t.shape(), (Shape{3, 4}));
  EXPECT_EQ(values(t), (std::vector<float>{both(rest, rest), both(rest, rest), both(own, rest),
                                           both(rest, own), both(own, own), both(rest, rest),
                                           both(rest, rest), both(rest, rest), both(rest, rest),
                                           both(rest, rest), both(rest, own), both(own, rest)}));
  EXPECT_EQ(values(mixed_targets({}, labels, 4, 0)),
            (std::vector<float>{0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1}));
}

TEST(Mixup, AccuracyCountsBothClassesOfAClip) {
  const auto tensor = [](const std::vector<float>& v) { return Tensor::from(v, {3, 3}); };
  const Tensor scores = tensor({1, 2, 4, 8, 16, 32, 3, 5, 7});
  const Tensor targets = tensor({0.1f, 0.6f, 0.3f, 0.4f, 0.2f, 0.4f, 0.2f, 0.2f, 0.6f});
  const MixedScores m = mixed_scores(scores, targets);
  EXPECT_EQ(m.labels, (std::vector<int64_t>{1, 0, 2}));
  EXPECT_EQ(values(m.scores), (std::vector<float>{1, 6, 0, 40, 16, 0, 0, 5, 10}));
  EXPECT_EQ(scores.span<float>()[1], 2) << "the scores given stay what they are";
}

TEST(Mixup, DrawsDependOnSeedEpochAndIteration) {
  const auto mixing = [](uint64_t seed, int64_t epoch, int64_t iteration) {
    return draw_mixing({}, {64, 64}, mixup_rng(seed, epoch, iteration)).share;
  };
  EXPECT_EQ(mixing(1, 2, 3), mixing(1, 2, 3));
  EXPECT_NE(mixing(1, 2, 3), mixing(2, 2, 3));
  EXPECT_NE(mixing(1, 2, 3), mixing(1, 3, 3));
  EXPECT_NE(mixing(1, 2, 3), mixing(1, 2, 4));
  EXPECT_NE(mixing(1, 2, 3), mixing(1, 3, 2));
}

TEST(Mixup, TheConfigurationTurnsItOn) {
  Config config;
  EXPECT_FALSE(mixup_options(config));
  config.set("MIXUP.ENABLE", "True");
  EXPECT_EQ(mixup_options(config), MixupOptions{});
  config.set("MIXUP.SWITCH_PROB", "0.25");
  config.set("MIXUP.ALPHA", "0");
  EXPECT_EQ(mixup_options(config), (MixupOptions{.mixup_alpha = 0, .cutmix_probability = 0.25}));
  config.set("MIXUP.CUTMIX_ALPHA", "0");
  EXPECT_THROW(mixup_options(config), Error);
}

TEST(Mixup, MisuseIsNamed) {
  const Tensor two = counted({2, 2, 4, 4, 3});
  const Tensor one[] = {counted({1, 2, 4, 4, 3})};
  EXPECT_EQ(error_of([&] { mix_clips({.share = 0.5}, one); }),
            "mixup: wanted a batch of at least 2 clips, found 1");
  const Tensor unequal[] = {two, counted({2, 2, 4, 5, 3})};
  EXPECT_THROW(mix_clips({.share = 0.5}, unequal), Error);
  EXPECT_THROW(mix_clips({.share = 0.5}, {}), Error);
  EXPECT_THROW(mix_clips({.share = 0.5, .cut = Box{3, 0, 2, 2}}, std::span(&two, 1)), Error);
  const std::vector<int64_t> labels = {0, 4};
  EXPECT_EQ(error_of([&] { mixed_targets({}, labels, 4, 0); }),
            "mixup: wanted a label in [0, 4), found 4");
  EXPECT_THROW(draw_mixing({.probability = 1.5}, {4, 4}, draw(0)), Error);
  EXPECT_THROW(draw_mixing({.mixup_alpha = NAN}, {4, 4}, draw(0)), Error);
  EXPECT_THROW(symmetric_beta(0, draw(0)), Error);
  EXPECT_THROW(mixed_scores(counted({2, 1}), counted({2, 1})), Error);
}

}  // namespace
}  // namespace sf
