#include "data/random_draws.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "data/epoch_order.h"
#include "data/frame_order.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

using Indices = std::vector<int64_t>;

TEST(RandomDraws, StayInTheirRangesAndReachThem) {
  const CounterRng rng(3);
  std::vector<int> count(7);
  for (uint64_t i = 0; i < 700; ++i) {
    EXPECT_GE(unit(rng, i), 0);
    EXPECT_LT(unit(rng, i), 1);
    const double u = uniform(rng, i, -2, 3);
    EXPECT_TRUE(u >= -2 && u < 3) << u;
    const int64_t b = below(rng, i, 7);
    ASSERT_TRUE(b >= 0 && b < 7) << b;
    ++count[size_t(b)];
    EXPECT_EQ(below(rng, i, 1), 0);
  }
  // 100 expected, deviation 9.3.
  for (int n : count) EXPECT_TRUE(n > 60 && n < 140) << n;
}

TEST(RandomDraws, PermutationsHoldEveryNumberOnce) {
  for (int64_t n : {0, 1, 2, 101}) {
    Indices p = permutation(CounterRng(5), n);
    if (n > 2) { EXPECT_NE(p, permutation(CounterRng(6), n)); }
    std::sort(p.begin(), p.end());
    ASSERT_EQ(int64_t(p.size()), n);
    for (int64_t i = 0; i < n; ++i) EXPECT_EQ(p[size_t(i)], i);
  }
  // Each of the 6 orders of 3: 100 expected of 600, deviation 9.1.
  std::vector<int> count(6);
  for (uint64_t key = 0; key < 600; ++key) {
    const Indices p = permutation(derived(CounterRng(1), key), 3);
    ++count[size_t(2 * p[0] + (p[1] > p[2]))];
  }
  for (int n : count) EXPECT_TRUE(n > 60 && n < 140) << n;
}

TEST(FrameOrder, IsNaturalShuffledOrTheMiddleFrameAlone) {
  const Indices frames = {3, 5, 7, 9, 11, 11};
  EXPECT_EQ(in_order(FrameOrder::natural, frames, CounterRng(1)), frames);
  EXPECT_EQ(in_order(FrameOrder::single, frames, CounterRng(1)), Indices(6, 9));
  Indices shuffled = in_order(FrameOrder::shuffled, frames, CounterRng(1));
  EXPECT_NE(shuffled, frames);
  EXPECT_NE(shuffled, in_order(FrameOrder::shuffled, frames, CounterRng(2)));
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, frames);
  EXPECT_EQ(parse_frame_order("shuffled", "here"), FrameOrder::shuffled);
  EXPECT_THROW(parse_frame_order("Natural", "here"), Error);
}

TEST(EpochOrder, IsCutIntoBatchesOfTheShapesInTurn) {
  const auto sizes = [](int64_t videos, std::vector<BatchShape> shapes, bool drop_last) {
    Indices all;
    int64_t next = 0;
    for (const BatchRange& b : cut_epoch(videos, shapes, drop_last)) {
      EXPECT_EQ(b.first, next);
      EXPECT_EQ(b.crop, shapes[all.size() % shapes.size()].crop);
      all.push_back(b.videos);
      next += b.videos;
    }
    return all;
  };
  EXPECT_EQ(sizes(7, {{3, 32}}, true), (Indices{3, 3}));
  EXPECT_EQ(sizes(7, {{3, 32}}, false), (Indices{3, 3, 1}));
  EXPECT_EQ(sizes(2, {{3, 32}}, true), (Indices{2})) << "the only batch stays";
  EXPECT_EQ(sizes(0, {{3, 32}}, true), Indices());
  EXPECT_EQ(sizes(19, {{4, 16}, {2, 24}, {1, 32}}, true), (Indices{4, 2, 1, 4, 2, 1, 4}));
  EXPECT_EQ(sizes(19, {{4, 16}, {2, 24}, {1, 32}}, false), (Indices{4, 2, 1, 4, 2, 1, 4, 1}));
  EXPECT_THROW(sizes(5, {}, true), Error);
  EXPECT_THROW(sizes(5, {{0, 32}}, true), Error);
}

}  // namespace
}  // namespace sf
