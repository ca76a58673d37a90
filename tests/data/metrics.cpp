#include "data/metrics.h"

#include <limits>

#include <gtest/gtest.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

TEST(Metrics, TopKCountsTheScoresAboveAndLowerClassesFirstAmongEquals) {
  const std::vector<float> s = {0.1f, 0.4f, 0.4f, 0.05f, 0.05f};
  const auto ranks = [&](int64_t label) {
    int k = 1;
    while (!in_top_k(s, label, k)) ++k;
    return k;
  };
  EXPECT_EQ(ranks(1), 1);
  EXPECT_EQ(ranks(2), 2);
  EXPECT_EQ(ranks(0), 3);
  EXPECT_EQ(ranks(3), 4);
  EXPECT_EQ(ranks(4), 5);
}

TEST(Metrics, FewerClassesThanKAreAllInTheTop) {
  const std::vector<float> s = {0.9f, 0.1f};
  EXPECT_TRUE(in_top_k(s, 1, 5));
  EXPECT_FALSE(in_top_k(s, 1, 1));
}

TEST(Metrics, NotANumberRanksLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> s = {nan, -3, nan};
  EXPECT_TRUE(in_top_k(s, 1, 1));
  EXPECT_FALSE(in_top_k(s, 0, 1));
  EXPECT_TRUE(in_top_k(s, 0, 2));
  EXPECT_FALSE(in_top_k(s, 2, 2));
}

TEST(Metrics, MisuseIsNamed) {
  const std::vector<float> s = {1, 2};
  EXPECT_THROW(in_top_k(s, 2, 1), Error);
  EXPECT_THROW(in_top_k(s, -1, 1), Error);
  EXPECT_THROW(in_top_k(s, 0, 0), Error);
  EXPECT_THROW(parse_ensemble("mean"), Error);
  ViewEnsemble e(1, 2, 2, Ensemble::sum);
  e.add(0, 1, 0, s);
  EXPECT_THROW(e.add(0, 1, 0, s), Error);
  EXPECT_THROW(e.add(0, 0, 1, s), Error);
  EXPECT_THROW(e.add(0, 2, 0, s), Error);
  EXPECT_THROW(e.add(1, 0, 0, s), Error);
  EXPECT_THROW(e.add(0, 0, 0, std::vector<float>{1}), Error);
  e.add(0, 0, 0, s);
  EXPECT_THROW(e.add(0, 0, 0, s), Error);
}

TEST(Metrics, SumsDoNotDependOnTheOrderOfArrival) {
  // In float32 the order of these matters: (1e8 + 1) - 1e8 is 0, (1e8 - 1e8) + 1 is 1.
  const std::vector<std::vector<float>> clips = {{1e8f}, {1}, {-1e8f}};
  for (const std::vector<int>& order : {std::vector{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}}) {
    ViewEnsemble e(2, 3, 1, Ensemble::sum);
    for (int clip : order) e.add(1, clip, 0, clips[size_t(clip)]);
    EXPECT_EQ(e.scores(1)[0], 0.0f);
    EXPECT_EQ(e.clip_count(1), 3);
    EXPECT_EQ(e.clip_count(0), 0);
    EXPECT_EQ(e.label(0), -1);
  }
}

TEST(Metrics, SumAndMaxStartWhereTheOriginalStarts) {
  const std::vector<float> a = {-1, 2};
  const std::vector<float> b = {-3, 4};
  const auto joined = [&](Ensemble method, bool multi_label) {
    ViewEnsemble e(1, 2, 2, method, multi_label);
    e.add(0, 0, 1, a);
    e.add(0, 1, 1, b);
    return std::vector<float>(e.scores(0).begin(), e.scores(0).end());
  };
  EXPECT_EQ(joined(Ensemble::sum, false), (std::vector<float>{-4, 6}));
  EXPECT_EQ(joined(Ensemble::max, false), (std::vector<float>{0, 4}));
  EXPECT_EQ(joined(Ensemble::max, true), (std::vector<float>{-1, 4}));
}

TEST(Metrics, AccuracyByClassAddsUpAndLeavesUnseenVideosOut) {
  ViewEnsemble e(4, 1, 6, Ensemble::sum);
  e.add(0, 0, 2, std::vector<float>{0, 0, 9, 0, 0, 0});  // right
  e.add(1, 0, 2, std::vector<float>{9, 8, 1, 2, 3, 4});  // sixth
  e.add(3, 0, 0, std::vector<float>{1, 2, 3, 4, 0, 0});  // fourth
  const Accuracy a = accuracy(e);
  EXPECT_EQ(a.all.videos, 3);
  EXPECT_EQ(a.all.top1, 1);
  EXPECT_EQ(a.all.top5, 2);
  ASSERT_EQ(a.classes.size(), 6u);
  EXPECT_EQ(a.classes[2].videos, 2);
  EXPECT_EQ(a.classes[2].top1, 1);
  EXPECT_EQ(a.classes[2].top5, 1);
  EXPECT_EQ(a.classes[0].top5, 1);
  EXPECT_EQ(a.classes[5].videos, 0);
  EXPECT_EQ(Accuracy::percent(1, 4), 25.0);
  EXPECT_EQ(Accuracy::percent(0, 0), 0.0);
}

}  // namespace
}  // namespace sf
