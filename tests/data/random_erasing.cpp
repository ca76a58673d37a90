#include "data/random_erasing.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "configs/config.h"
#include "data/random_draws.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr int64_t kClips = 20000;
constexpr float kUntouched = 1000;  // further out than any normal draw

CounterRng clip_rng(int64_t i) { return derived(CounterRng("clips"), uint64_t(i)); }

struct Clip {
  std::vector<float> values;
  ClipView view;

  Clip(int64_t frames, int height, int width)
      : values(size_t(frames * height * width * 3), kUntouched),
        view{values.data(), frames, height, width} {}

  float at(int64_t t, int y, int x, int c) const {
    return view.frame(t)[(int64_t(y) * view.width + x) * 3 + c];
  }
};

bool holds(const Box& b, int y, int x) {
  return y >= b.y && y < b.y + b.height && x >= b.x && x < b.x + b.width;
}

bool hold(const std::vector<Box>& boxes, int y, int x) {
  return std::ranges::any_of(boxes, [&](const Box& b) { return holds(b, y, x); });
}

TEST(RandomErasing, AsOftenAsAsked) {
  const RandomErasingOptions o{.probability = 0.25};
  int64_t erased = 0;
  for (int64_t i = 0; i < kClips; ++i) erased += !erased_boxes(o, {70, 90}, clip_rng(i)).empty();
  EXPECT_NEAR(double(erased), kClips * 0.25, 5 * std::sqrt(kClips * 0.25 * 0.75));
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(erased_boxes({.probability = 0}, {70, 90}, clip_rng(i)).empty());
    EXPECT_FALSE(erased_boxes({.probability = 1}, {70, 90}, clip_rng(i)).empty());
  }
}

TEST(RandomErasing, BoxesLieInThePictureAndReachItsBorders) {
  const PictureSize sizes[] = {{70, 90}, {33, 21}, {3, 200}};
  for (const PictureSize size : sizes) {
    int top = 1000, left = 1000, bottom = 1000, right = 1000;  // distances from the borders
    for (int64_t i = 0; i < 2000; ++i) {
      for (const Box& b : erased_boxes({.probability = 1}, size, clip_rng(i))) {
        EXPECT_LT(b.height, size.height);
        EXPECT_LT(b.width, size.width);
        top = std::min(top, b.y);
        left = std::min(left, b.x);
        bottom = std::min(bottom, size.height - b.y - b.height);
        right = std::min(right, size.width - b.x - b.width);
      }
    }
    EXPECT_EQ((std::vector{top, left, bottom, right}), (std::vector{0, 0, 0, 0})) << size.width;
  }
}

TEST(RandomErasing, AreasAndShapesAreDrawnEvenly) {
  // With two boxes every draw fits into a large square, so that none is drawn again.
  const RandomErasingOptions o{.probability = 1, .most_boxes = 2};
  constexpr double kSide = 4000;
  double area = 0, area_squared = 0, log_aspect = 0, log_aspect_squared = 0, n = 0, twos = 0;
  for (int64_t i = 0; i < kClips; ++i) {
    const auto boxes = erased_boxes(o, {int(kSide), int(kSide)}, clip_rng(i));
    ASSERT_TRUE(boxes.size() == 1 || boxes.size() == 2);
    if (boxes.size() == 1) continue;
    ++twos;
    for (const Box& b : boxes) {
      const double share = 2 * double(b.height) * b.width / (kSide * kSide);
      const double aspect = std::log(double(b.height) / b.width);
      area += share;
      area_squared += share * share;
      log_aspect += aspect;
      log_aspect_squared += aspect * aspect;
      ++n;
    }
  }
  EXPECT_NEAR(twos, kClips / 2.0, 2.5 * std::sqrt(double(kClips)));
  // An even distribution of width w has variance w^2 / 12, and its squared distance from the middle
  // varies by w^4 / 180.
  const auto expect_even = [&](double sum, double sum_of_squares, double low, double high) {
    const double width = high - low, mean = sum / n;
    EXPECT_NEAR(mean, (low + high) / 2, 5 * width / std::sqrt(12 * n));
    EXPECT_NEAR(sum_of_squares / n - mean * mean, width * width / 12,
                5 * width * width / std::sqrt(180 * n));
  };
  expect_even(area, area_squared, 0.02, 1.0 / 3);
  expect_even(log_aspect, log_aspect_squared, std::log(0.3), -std::log(0.3));
}

TEST(RandomErasing, TheBoxesAloneAreOverwrittenInEveryFrame) {
  for (const ErasingFill fill : {ErasingFill::zero, ErasingFill::color, ErasingFill::pixels}) {
    for (int64_t i = 0; i < 20; ++i) {
      const RandomErasingOptions o{.probability = 0.7, .fill = fill};
      Clip clip(5, 23, 31);
      erase_randomly(clip.view, o, clip_rng(i));
      const auto boxes = erased_boxes(o, {23, 31}, clip_rng(i));
      for (int64_t t = 0; t < 5; ++t)
        for (int y = 0; y < 23; ++y)
          for (int x = 0; x < 31; ++x)
            for (int c = 0; c < 3; ++c)
              ASSERT_EQ(clip.at(t, y, x, c) != kUntouched, hold(boxes, y, x))
                  << t << " " << y << " " << x;
    }
  }
}

TEST(RandomErasing, SeveralBoxesSpareTheFirstFrames) {
  const RandomErasingOptions o{.probability = 1, .fill = ErasingFill::zero, .most_boxes = 3};
  std::set<size_t> counts;
  for (int64_t i = 0; i < 50; ++i) {
    Clip clip(7, 23, 31);
    erase_randomly(clip.view, o, clip_rng(i));
    const auto boxes = erased_boxes(o, {23, 31}, clip_rng(i));
    counts.insert(boxes.size());
    for (int64_t t = 0; t < 7; ++t)
      for (int y = 0; y < 23; ++y)
        for (int x = 0; x < 31; ++x)
          ASSERT_EQ(clip.at(t, y, x, 1), t >= 2 && hold(boxes, y, x) ? 0 : kUntouched);
  }
  EXPECT_EQ(counts, (std::set<size_t>{1, 2, 3}));
}

TEST(RandomErasing, AColorFillsABoxAndChangesWithTheFrame) {
  const RandomErasingOptions o{.probability = 1, .fill = ErasingFill::color};
  const Box b = erased_boxes(o, {23, 31}, clip_rng(1))[0];
  Clip clip(4, 23, 31);
  erase_randomly(clip.view, o, clip_rng(1));
  std::set<float> colors;
  for (int64_t t = 0; t < 4; ++t) {
    for (int c = 0; c < 3; ++c) {
      colors.insert(clip.at(t, b.y, b.x, c));
      for (int y = b.y; y < b.y + b.height; ++y)
        for (int x = b.x; x < b.x + b.width; ++x)
          ASSERT_EQ(clip.at(t, y, x, c), clip.at(t, b.y, b.x, c));
    }
  }
  EXPECT_EQ(colors.size(), 12u);
}

TEST(RandomErasing, PixelsAreStandardNormalAndIndependent) {
  const RandomErasingOptions o{.probability = 1};
  Clip clip(4, 60, 61);
  const Box b = erased_boxes(o, {60, 61}, clip_rng(3))[0];
  erase_randomly(clip.view, o, clip_rng(3));
  std::vector<double> values;
  for (int64_t t = 0; t < 4; ++t)
    for (int y = b.y; y < b.y + b.height; ++y)
      for (int x = b.x; x < b.x + b.width; ++x)
        for (int c = 0; c < 3; ++c) values.push_back(clip.at(t, y, x, c));
  const auto n = double(values.size());
  ASSERT_GT(n, 1000);
  double sum = 0, squares = 0, fourths = 0, neighbours = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double square = values[i] * values[i];
    sum += values[i];
    squares += square;
    fourths += square * square;
    if (i > 0) neighbours += values[i] * values[i - 1];
  }
  // Five standard errors: the variances of x, x^2, x^4 and x y are 1, 2, 96 and 1.
  EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(1 / n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(fourths / n, 3, 5 * std::sqrt(96 / n));
  EXPECT_NEAR(neighbours / n, 0, 5 * std::sqrt(1 / n));
  EXPECT_EQ(std::set<double>(values.begin(), values.end()).size(), values.size());
}

TEST(RandomErasing, TheConfigurationTurnsItOn) {
  Config config;
  EXPECT_FALSE(random_erasing_options(config));
  config.set("AUG.ENABLE", "True");
  EXPECT_EQ(random_erasing_options(config), RandomErasingOptions{});
  config.set("AUG.RE_MODE", "const");
  config.set("AUG.RE_COUNT", "3");
  EXPECT_EQ(random_erasing_options(config),
            (RandomErasingOptions{.fill = ErasingFill::zero, .most_boxes = 3}));
  config.set("AUG.RE_PROB", "0.0");
  EXPECT_FALSE(random_erasing_options(config));
  config.set("AUG.RE_PROB", "1.5");
  EXPECT_THROW(random_erasing_options(config), Error);
  EXPECT_THROW(parse_erasing_fill("noise", "AUG.RE_MODE"), Error);
  EXPECT_THROW(erased_boxes({.most_boxes = 0}, {8, 8}, clip_rng(0)), Error);
}

}  // namespace
}  // namespace sf
