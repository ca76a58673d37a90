#include "data/random_spatial.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "data/random_draws.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

TEST(RandomSpatial, ShortSidesAreTheRoundedDrawOrTheInverseOfOne) {
  SpatialJitter j{.min_short_side = 256, .max_short_side = 320};
  EXPECT_EQ(jittered_short_side(j, 0), 256);
  EXPECT_EQ(jittered_short_side(j, 0.5), 288);
  EXPECT_EQ(jittered_short_side(j, 0.9999), 320);
  EXPECT_EQ(jittered_short_side(j, 8.5 / 64), 264) << "halves go to the even neighbour";
  EXPECT_EQ(jittered_short_side(j, 9.5 / 64), 266);
  j.inverse_uniform = true;
  EXPECT_EQ(jittered_short_side(j, 0), 320);
  EXPECT_EQ(jittered_short_side(j, 0.5), 284);  // 2 / (1/256 + 1/320) = 284.4
  EXPECT_EQ(jittered_short_side(j, 0.9999), 256);
  EXPECT_EQ(jittered_short_side({.min_short_side = 30, .max_short_side = 30}, 0.7), 30);
  EXPECT_THROW(jittered_short_side({.min_short_side = 9, .max_short_side = 8}, 0), Error);
}

TEST(RandomSpatial, CropsNeverTakeTheirLastPlace) {
  constexpr double kAlmostOne = 0x1.fffffffffffffp-1;
  EXPECT_EQ(random_crop({256, 340}, 224, 0, 0), (Box{0, 0, 224, 224}));
  EXPECT_EQ(random_crop({256, 340}, 224, 0.5, 0.5), (Box{16, 58, 224, 224}));
  EXPECT_EQ(random_crop({256, 340}, 224, kAlmostOne, kAlmostOne), (Box{31, 115, 224, 224}));
  EXPECT_EQ(random_crop({225, 224}, 224, kAlmostOne, kAlmostOne), (Box{0, 0, 224, 224}));
  EXPECT_THROW(random_crop({223, 300}, 224, 0, 0), Error);
}

TEST(RandomSpatial, RelativeBoxesHaveTheAreaAndShapeOfTheirRanges) {
  const RelativeCrop crop{.scale = {0.2, 0.6}, .aspect = {0.75, 1.5}};
  std::set<int> tops;
  for (uint64_t i = 0; i < 200; ++i) {
    const Box b = random_relative_box({180, 220}, crop, CounterRng(i));
    EXPECT_TRUE(b.y >= 0 && b.x >= 0 && b.y + b.height <= 180 && b.x + b.width <= 220);
    // Sides are rounded to whole pixels, by half a pixel of at least 70.
    const double area = double(b.height) * b.width / (180 * 220),
                 aspect = double(b.width) / b.height;
    EXPECT_TRUE(area > 0.2 * 0.985 && area < 0.6 * 1.015) << area;
    EXPECT_TRUE(aspect > 0.75 * 0.985 && aspect < 1.5 * 1.015) << aspect;
    tops.insert(b.y);
  }
  EXPECT_GT(tops.size(), 40u);
}

TEST(RandomSpatial, ABoxThatNeverFitsIsReplacedByTheMiddle) {
  const RelativeCrop crop{.scale = {0.9, 1.0}, .aspect = {0.75, 1.25}};
  for (uint64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(random_relative_box({10, 1000}, crop, CounterRng(i)), (Box{0, 494, 10, 12}));
    EXPECT_EQ(random_relative_box({1000, 9}, crop, CounterRng(i)), (Box{494, 0, 12, 9}));
    // 1000 / 1000 is within the range, but never the whole picture is drawn.
    EXPECT_EQ(random_relative_box({100, 100}, {.scale = {2, 3}}, CounterRng(i)),
              (Box{0, 0, 100, 100}));
  }
}

TEST(RandomSpatial, AChoiceIsOneJitteredCropForAllFrames) {
  const SpatialJitter jitter{.min_short_side = 44, .max_short_side = 60};
  int mirrored = 0;
  std::set<int> sides, tops, lefts;
  for (uint64_t i = 0; i < 400; ++i) {
    const auto choices = random_spatial(jitter, {90, 120}, 40, 8, CounterRng(i));
    ASSERT_EQ(choices.size(), 1u);
    const SpatialChoice& c = choices[0];
    EXPECT_EQ(c.from, (Box{0, 0, 90, 120}));
    EXPECT_EQ(c.size, short_side_size({90, 120}, c.size.height));
    EXPECT_EQ(c.crop.height, 40);
    EXPECT_EQ(c.crop.width, 40);
    EXPECT_LE(c.crop.y + 40, c.size.height);
    EXPECT_LE(c.crop.x + 40, c.size.width);
    sides.insert(c.size.height);
    tops.insert(c.crop.y);
    lefts.insert(c.crop.x);
    mirrored += c.mirror;
  }
  // Half of 400, deviation 10.
  EXPECT_TRUE(mirrored > 150 && mirrored < 250) << mirrored;
  EXPECT_EQ(sides.size(), 17u);
  EXPECT_GT(tops.size(), 15u);
  EXPECT_GT(lefts.size(), 30u);
  for (uint64_t i = 0; i < 20; ++i) {
    const SpatialJitter never{.min_short_side = 44, .max_short_side = 60, .flip = false};
    EXPECT_FALSE(random_spatial(never, {90, 120}, 40, 8, CounterRng(i))[0].mirror);
  }
}

TEST(RandomSpatial, ShiftedBoxesMoveEvenlyFromTheFirstFrameToTheLast) {
  const SpatialJitter still{.relative = RelativeCrop{}};
  SpatialJitter moving = still;
  moving.relative->motion_shift = true;
  for (uint64_t i = 0; i < 20; ++i) {
    const auto one = random_spatial(still, {90, 120}, 32, 5, CounterRng(i));
    const auto five = random_spatial(moving, {90, 120}, 32, 5, CounterRng(i));
    ASSERT_EQ(one.size(), 1u);
    ASSERT_EQ(five.size(), 5u);
    EXPECT_EQ(one[0].from, five[0].from);
    const Box a = five[0].from, b = five[4].from;
    for (int t = 0; t < 5; ++t) {
      const SpatialChoice& c = five[size_t(t)];
      EXPECT_EQ(c.size, (PictureSize{32, 32}));
      EXPECT_EQ(c.crop, (Box{0, 0, 32, 32}));
      EXPECT_EQ(c.mirror, one[0].mirror);
      const auto between = [&](int from, int to) { return int(from + (to - from) / 4.0f * t); };
      EXPECT_EQ(c.from, (Box{between(a.y, b.y), between(a.x, b.x), between(a.height, b.height),
                             between(a.width, b.width)}));
      EXPECT_TRUE(c.from.y + c.from.height <= 90 && c.from.x + c.from.width <= 120);
    }
  }
}

}  // namespace
}  // namespace sf
