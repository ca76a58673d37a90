#include "data/rand_augment.h"

#include <cmath>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "configs/config.h"
#include "data/random_draws.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

using enum PictureChange;

constexpr int64_t kClips = 30000;

CounterRng clip(int64_t i) { return derived(CounterRng("clips"), uint64_t(i)); }

// How often n of kClips may differ from its mean: five standard deviations.
double tolerance(double probability) {
  return 5 * std::sqrt(kClips * probability * (1 - probability)) + 1e-9;
}

std::string fault_of(const std::string& text) {
  try {
    parse_rand_augment(text, "AUG.AA_TYPE");
  } catch (const Error& e) { return e.what(); }
  return "none";
}

TEST(RandAugment, TextsAreReadAsTheOriginalReadsThem) {
  EXPECT_EQ(parse_rand_augment("rand", ""), RandAugmentOptions{});
  EXPECT_EQ(parse_rand_augment("rand-m9-mstd0.5-inc1", ""),
            (RandAugmentOptions{.magnitude = 9, .magnitude_std = 0.5, .increasing = true}));
  EXPECT_EQ(parse_rand_augment("rand-w0-n3-m7", ""),
            (RandAugmentOptions{.layers = 3, .magnitude = 7, .weighted = true}));
  EXPECT_EQ(parse_rand_augment("rand-inc0-mstd1", ""),
            (RandAugmentOptions{.magnitude_std = 1, .increasing = true}));
}

TEST(RandAugment, OtherTextsAreRefusedWithTheirFirstBadPart) {
  EXPECT_EQ(fault_of("rand-m9-x3"),
            "AUG.AA_TYPE: wanted RandAugment as in rand-m9-n2-mstd0.5-inc1-w0, found \"x3\" in "
            "\"rand-m9-x3\"");
  for (const auto& [text, part] :
       std::map<std::string, std::string>{{"", ""},
                                          {"augmix-m3", "augmix"},
                                          {"m9-rand", "m9"},
                                          {"rand9", "rand9"},
                                          {"rand-", ""},
                                          {"rand--m9", ""},
                                          {"rand-m", "m"},
                                          {"rand-m9.5", "m9.5"},
                                          {"rand-mstd0.5x", "mstd0.5x"},
                                          {"rand-mstd1e999", "mstd1e999"},
                                          {"rand-inc", "inc"},
                                          {"rand-w1", "w1"},
                                          {"rand-n99999999999", "n99999999999"},
                                          {"rand-m9-m8", "m8"},
                                          {"rand-m9-rand", "rand"}}) {
    EXPECT_NE(fault_of(text).find(cat("found \"", part, "\" in \"", text, "\"")), std::string::npos)
        << fault_of(text);
  }
  EXPECT_NE(fault_of("rand-w0-n14").find("weighted ones up to 13, found 14"), std::string::npos);
  EXPECT_EQ(parse_interpolation("random", ""), std::nullopt);
  EXPECT_EQ(parse_interpolation("bicubic", ""), Interpolation::bicubic);
  EXPECT_THROW(parse_interpolation("lanczos", "AUG.INTERPOLATION"), Error);
}

// The amounts that a change takes at a magnitude.
std::set<double> amounts(PictureChange change, double magnitude, bool increasing) {
  std::set<double> all;
  const RandAugmentOptions o{.layers = 1, .magnitude = magnitude, .increasing = increasing};
  for (int64_t i = 0; i < 2000; ++i)
    for (const PictureOp& op : rand_augment(o, clip(i), 0))
      if (op.change == change) all.insert(op.amount);
  return all;
}

TEST(RandAugment, MagnitudesBecomeTheOriginalsAmounts) {
  using Set = std::set<double>;
  EXPECT_EQ(amounts(rotate, 5, true), (Set{-15, 15}));
  EXPECT_EQ(amounts(shear_x, 5, true), (Set{-0.15, 0.15}));
  EXPECT_EQ(amounts(shear_y, 5, false), (Set{-0.15, 0.15}));
  EXPECT_EQ(amounts(translate_x, 10, true), (Set{-0.45, 0.45}));
  EXPECT_EQ(amounts(translate_y, 10, false), (Set{-0.45, 0.45}));
  EXPECT_EQ(amounts(posterize, 9, true), Set{1});
  EXPECT_EQ(amounts(posterize, 9, false), Set{3});
  EXPECT_EQ(amounts(solarize, 9, true), Set{26});
  EXPECT_EQ(amounts(solarize, 9, false), Set{230});
  EXPECT_EQ(amounts(solarize_add, 9, true), Set{99});
  for (PictureChange change : {color, contrast, brightness, sharpness}) {
    EXPECT_EQ(amounts(change, 5, true), (Set{1 - 0.45, 1 + 0.45}));
    EXPECT_EQ(amounts(change, 5, false), Set{0.5 * 1.8 + 0.1});
  }
  EXPECT_EQ(amounts(solarize, 25, true), Set{0}) << "the largest magnitude is 10";
}

TEST(RandAugment, ChangesAreDrawnEvenlyAndLeftOutHalfTheTime) {
  const RandAugmentOptions o{.layers = 2, .increasing = true};
  std::map<PictureChange, int64_t> first;
  int64_t empty = 0, turned_left = 0, turned = 0;
  for (int64_t i = 0; i < kClips; ++i) {
    const auto ops = rand_augment(o, clip(i), 0);
    empty += ops.empty();
    for (const PictureOp& op : ops) {
      if (op.change != rotate) continue;
      ++turned;
      turned_left += op.amount > 0;
    }
    const auto one = rand_augment({.layers = 1}, clip(i), 0);
    if (!one.empty()) ++first[one[0].change];
  }
  EXPECT_NEAR(double(empty), kClips * 0.25, tolerance(0.25));
  EXPECT_EQ(first.size(), 15u);
  for (const auto& [change, n] : first)
    EXPECT_NEAR(double(n), kClips / 30.0, tolerance(1 / 30.0)) << int(change);
  EXPECT_NEAR(double(turned_left), double(turned) / 2, 2.5 * std::sqrt(double(turned)));
}

TEST(RandAugment, WeightedChangesFollowTheirWeightsAndComeOnce) {
  std::map<PictureChange, int64_t> first;
  const RandAugmentOptions all{.layers = 13, .weighted = true};
  for (int64_t i = 0; i < kClips; ++i) {
    const auto one = rand_augment({.layers = 1, .weighted = true}, clip(i), 0);
    if (!one.empty()) ++first[one[0].change];
    if (i % 100 != 0) continue;
    std::set<PictureChange> seen;
    for (const PictureOp& op : rand_augment(all, clip(i), 0))
      EXPECT_TRUE(seen.insert(op.change).second) << int(op.change);
  }
  const std::map<PictureChange, double> weights{
      {rotate, 0.3},      {shear_x, 0.2},         {shear_y, 0.2},
      {translate_x, 0.1}, {translate_y, 0.1},     {color, 0.025},
      {sharpness, 0.025}, {auto_contrast, 0.025}, {solarize, 0.005},
      {contrast, 0.005},  {solarize_add, 0.005},  {brightness, 0.005},
      {equalize, 0.005},  {posterize, 0},         {invert, 0}};
  for (const auto& [change, weight] : weights)
    EXPECT_NEAR(double(first[change]), kClips * weight / 2, tolerance(weight / 2)) << int(change);
}

TEST(RandAugment, MagnitudesAreNormalAndCutAtTen) {
  const RandAugmentOptions o{.layers = 1, .magnitude = 9, .magnitude_std = 0.5};
  int64_t drawn = 0, above_mean = 0, cut = 0;
  for (int64_t i = 0; i < 10 * kClips; ++i) {
    for (const PictureOp& op : rand_augment(o, clip(i), 0)) {
      if (op.change != rotate) continue;
      const double magnitude = std::abs(op.amount) / 3;
      EXPECT_LE(magnitude, 10);
      ++drawn;
      above_mean += magnitude > 9;
      cut += magnitude == 10;
    }
  }
  const double beyond = 0.5 * std::erfc(2 / std::sqrt(2.0));  // two standard deviations
  EXPECT_NEAR(double(above_mean), double(drawn) / 2, 2.5 * std::sqrt(double(drawn)));
  EXPECT_NEAR(double(cut), double(drawn) * beyond, 5 * std::sqrt(double(drawn) * beyond));
}

TEST(RandAugment, FramesDifferInARandomInterpolationAlone) {
  const RandAugmentOptions fixed{
      .layers = 4, .magnitude_std = 2, .interpolation = Interpolation::nearest};
  const RandAugmentOptions random{.layers = 4, .magnitude_std = 2};
  int64_t cubic = 0, all = 0;
  for (int64_t i = 0; i < 100; ++i) {
    const auto first = rand_augment(fixed, clip(i), 0);
    for (int64_t frame = 0; frame < 32; ++frame) {
      EXPECT_EQ(rand_augment(fixed, clip(i), frame), first);
      auto ops = rand_augment(random, clip(i), frame);
      for (PictureOp& op : ops) {
        EXPECT_NE(op.interpolation, Interpolation::nearest);
        cubic += op.interpolation == Interpolation::bicubic;
        ++all;
        op.interpolation = Interpolation::nearest;
      }
      EXPECT_EQ(ops, first);
    }
  }
  EXPECT_NEAR(double(cubic), double(all) / 2, 2.5 * std::sqrt(double(all)));
}

TEST(RandAugment, TheConfigurationTurnsItOn) {
  Config config;
  EXPECT_FALSE(rand_augment_options(config));
  config.set("AUG.ENABLE", "True");
  EXPECT_EQ(rand_augment_options(config),
            (RandAugmentOptions{.magnitude = 9,
                                .magnitude_std = 0.5,
                                .increasing = true,
                                .interpolation = Interpolation::bicubic}));
  config.set("AUG.AA_TYPE", "");
  EXPECT_FALSE(rand_augment_options(config));
}

}  // namespace
}  // namespace sf
