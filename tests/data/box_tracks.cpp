#include "data/box_tracks.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

// 0.2 x 0.5, from x on.
KeyBox box(double frame, double x, std::optional<int64_t> person = {}) {
  return {.frame = frame, .box = {x, 0.25, x + 0.2, 0.75}, .person = person};
}

// The left edges at a frame.
std::vector<double> lefts(const BoxTracks& tracks, double frame) {
  std::vector<double> all;
  for (const TrackedBox& b : tracks.at(frame)) all.push_back(b.box[0]);
  return all;
}

using Lefts = std::vector<double>;

TEST(IntersectionOverUnion, OfKnownBoxes) {
  EXPECT_EQ(intersection_over_union({0, 0, 0.5, 1}, {0, 0, 0.5, 1}), 1);
  EXPECT_EQ(intersection_over_union({0, 0, 0.5, 1}, {0.25, 0, 0.75, 1}), 0.25 / 0.75);
  EXPECT_EQ(intersection_over_union({0, 0, 0.5, 1}, {0.5, 0, 1, 1}), 0);
  EXPECT_EQ(intersection_over_union({0, 0, 0, 0}, {0, 0, 0, 0}), 0);
}

// Sides and frames are sums of powers of two, so that all values are exact.
TEST(BoxTracks, EdgesMoveEvenlyBetweenKeyFrames) {
  const BoxTracks tracks({{.frame = 8, .box = {0.25, 0, 0.5, 0.5}, .person = 1},
                          {.frame = 16, .box = {0.375, 0.125, 0.625, 1}, .person = 1}});
  const struct {
    double frame;
    BoxCorners expected;
    size_t key;
  } kCases[] = {{8, {0.25, 0, 0.5, 0.5}, 0},
                {10, {0.28125, 0.03125, 0.53125, 0.625}, 0},
                {12, {0.3125, 0.0625, 0.5625, 0.75}, 1},
                {14, {0.34375, 0.09375, 0.59375, 0.875}, 1},
                {16, {0.375, 0.125, 0.625, 1}, 1}};
  for (const auto& [frame, expected, key] : kCases) {
    const auto found = tracks.at(frame);
    ASSERT_EQ(found.size(), 1u) << frame;
    EXPECT_EQ(found[0].box, expected) << frame;
    EXPECT_EQ(found[0].key, key) << frame;
    EXPECT_EQ(found[0].track, 0u);
  }
}

TEST(BoxTracks, EndsStayForHalfOfTheUsualDistance) {
  const BoxTracks tracks({box(30, 0.25), box(60, 0.25), box(90, 0.25)});
  EXPECT_EQ(lefts(tracks, 15), Lefts{});
  EXPECT_EQ(lefts(tracks, 16), Lefts{0.25});
  EXPECT_EQ(lefts(tracks, 105), Lefts{0.25});
  EXPECT_EQ(lefts(tracks, 106), Lefts{});
}

TEST(BoxTracks, PersonsAreFollowedByTheirNumber) {
  // They change places, which overlaps alone would not see.
  const BoxTracks tracks({box(0, 0, 1), box(0, 0.5, 2), box(8, 0, 2), box(8, 0.5, 1)});
  EXPECT_EQ(lefts(tracks, 2), (Lefts{0.125, 0.375}));
  EXPECT_EQ(lefts(tracks, 6), (Lefts{0.375, 0.125}));
}

TEST(BoxTracks, WithoutNumbersTheLargestOverlapIsTheSamePerson) {
  const BoxTracks tracks({box(0, 0.125), box(0, 0.1875), box(8, 0.1875), box(8, 0.25)});
  // 0.1875 stays, and 0.125 moves on to what is left, which it overlaps by 0.23 only: a new person.
  EXPECT_EQ(lefts(tracks, 2), (Lefts{0.125, 0.1875}));
  EXPECT_EQ(lefts(tracks, 6), (Lefts{0.1875, 0.25}));
  EXPECT_EQ(tracks.at(6)[0].track, 1u);
  EXPECT_EQ(tracks.at(6)[1].track, 2u);
}

TEST(BoxTracks, WhoIsNotThereAtAKeyFrameIsGone) {
  const BoxTracks tracks(
      {box(0, 0, 1), box(0, 0.5, 2), box(8, 0, 1), box(16, 0, 1), box(16, 0.5, 2)});
  EXPECT_EQ(lefts(tracks, 4), (Lefts{0, 0.5}));
  EXPECT_EQ(lefts(tracks, 5), Lefts{0});
  EXPECT_EQ(lefts(tracks, 12), Lefts{0});
  EXPECT_EQ(lefts(tracks, 13), (Lefts{0, 0.5}));
}

TEST(BoxTracks, AGapIsNotBridged) {
  const BoxTracks tracks(
      {box(0, 0.25), box(8, 0.25), box(16, 0.25), box(100, 0.25), box(108, 0.25)});
  EXPECT_EQ(lefts(tracks, 20), Lefts{0.25});
  EXPECT_EQ(lefts(tracks, 21), Lefts{});
  EXPECT_EQ(lefts(tracks, 96), Lefts{});
  EXPECT_EQ(lefts(tracks, 97), Lefts{0.25});
  EXPECT_NE(tracks.at(16)[0].track, tracks.at(100)[0].track);
}

TEST(BoxTracks, OneKeyFrameIsShownAlone) {
  const BoxTracks tracks({box(4, 0.25), box(4, 0.5)});
  EXPECT_EQ(lefts(tracks, 4), (Lefts{0.25, 0.5}));
  EXPECT_EQ(lefts(tracks, 3), Lefts{});
  EXPECT_EQ(lefts(tracks, 5), Lefts{});
  EXPECT_EQ(lefts(BoxTracks({}), 0), Lefts{});
}

TEST(BoxTracks, MisuseIsNamed) { EXPECT_THROW(BoxTracks({box(4, 0), box(3, 0)}), Error); }

}  // namespace
}  // namespace sf
