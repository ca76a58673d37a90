#include "dist/rank_sum.h"

#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/counter_rng.h"
#include "kernels/base/half.h"

namespace sf {
namespace {

template <class T>
std::vector<std::vector<T>> values_of(int ranks, int64_t count) {
  const CounterRng rng("rank sum");
  std::vector all(static_cast<size_t>(ranks), std::vector<T>(static_cast<size_t>(count)));
  for (uint64_t i = 0; auto& values : all)
    for (T& v : values) v = T(rng.uniform(i++, -1, 1));
  return all;
}

template <class T>
std::vector<T> sum_of(const std::vector<std::vector<T>>& by_rank, DType dtype) {
  std::vector<const void*> from;
  for (const auto& values : by_rank) from.push_back(values.data());
  std::vector<T> sum(by_rank[0].size());
  add_in_pairs(from, sum.data(), int64_t(sum.size()), dtype);
  return sum;
}

constexpr int64_t kCount = 2500;  // more than two blocks

TEST(RankSum, IsThatOfTheSumsOfHalves) {
  const auto all = values_of<float>(7, kCount);
  const std::vector<std::vector<float>> halves{
      sum_of<float>({all.begin(), all.begin() + 3}, DType::f32),
      sum_of<float>({all.begin() + 3, all.end()}, DType::f32)};
  EXPECT_EQ(sum_of(all, DType::f32), sum_of(halves, DType::f32));
}

TEST(RankSum, RoundsEachPair) {
  const auto all = values_of<float>(4, kCount);
  const auto found = sum_of(all, DType::f32);
  int other = 0;  // sums that would differ had they been added one after another
  for (size_t i = 0; i < found.size(); ++i) {
    const float first = all[0][i] + all[1][i], second = all[2][i] + all[3][i];
    ASSERT_EQ(found[i], first + second);
    other += found[i] != first + all[2][i] + all[3][i];
  }
  EXPECT_GT(other, 10);
}

TEST(RankSum, OfHalfTypesRoundsOnce) {
  const auto all = values_of<bf16>(3, kCount);
  const auto found = sum_of(all, DType::bf16);
  for (size_t i = 0; i < found.size(); ++i) {
    const double sum = double(float(all[0][i])) + float(all[1][i]) + float(all[2][i]);
    ASSERT_EQ(float(found[i]), float(bf16(float(sum))));
  }
}

TEST(RankSum, MayLieInOneOfTheArrays) {
  auto all = values_of<double>(5, kCount);
  const auto wanted = sum_of(all, DType::f64);
  std::vector<const void*> from;
  for (const auto& values : all) from.push_back(values.data());
  add_in_pairs(from, all[3].data(), kCount, DType::f64);
  EXPECT_EQ(all[3], wanted);
}

TEST(RankSum, OfOneRankIsWhatItHas) {
  const auto all = values_of<float>(1, 3);
  EXPECT_EQ(sum_of(all, DType::f32), all[0]);
}

}  // namespace
}  // namespace sf
