#include "kernels/adaptive_pool3d/cases.h"
#include "tests/kernels/pool_laws.h"

namespace sf {
namespace {

using namespace sf::test;

template <class T>
using Data = PoolData<T, AdaptivePool3dProblem>;
constexpr Table<AdaptivePool3dProblem, AdaptivePool3dArgs> kRows = adaptive_pool3d_kernels;
constexpr PoolLaws<AdaptivePool3dProblem, AdaptivePool3dArgs> kLaws{kRows};

class AdaptivePool3d : public ::testing::TestWithParam<Case<AdaptivePool3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, AdaptivePool3d, ::testing::ValuesIn(adaptive_pool3d_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(AdaptivePool3d, EveryKernelEqualsTheReferenceOnIntegers) {
  kLaws.every_kernel_equals_the_reference_on_integers(GetParam());
}

TEST_P(AdaptivePool3d, RowsOfTheCpuEqualTheReferenceBitForBit) {
  kLaws.rows_of_the_cpu_equal_the_reference_bit_for_bit(GetParam());
}

TEST_P(AdaptivePool3d, HalfTypesRoundTheSinglePrecisionResultOnce) {
  kLaws.half_types_round_the_single_precision_result_once(GetParam());
}

TEST_P(AdaptivePool3d, DoublePrecisionDiffersByRoundingOnly) {
  const AdaptivePool3dProblem& p = GetParam().problem;
  kLaws.double_precision_differs_by_rounding_only(GetParam(), double(p.n) * p.t * p.h * p.w);
}

TEST(AdaptivePool3dValues, BinsFollowTheRoundingRule) {
  Data<float> data({.w = 7, .out_w = 3});  // bins 0..2, 2..4, 4..6
  data.x.fill([](int64_t i) { return 1 << i; });
  for_runnable(kRows, {"values", data.p}, [&](const AdaptivePool3dKernel& kernel) {
    data.run(kernel);
    EXPECT_EQ(data.y.at(0, 0), 7.0F / 3);
    EXPECT_EQ(data.y.at(1, 0), 28.0F / 3);
    EXPECT_EQ(data.y.at(2, 0), 112.0F / 3);
  });
}

TEST(AdaptivePool3dValues, EveryAxisIsPooledByItself) {
  Data<float> data({.t = 2, .h = 4, .w = 6, .out_t = 1, .out_h = 2, .out_w = 3});
  data.x.fill([](int64_t i) { return (i / 24) * 1000 + (i / 6 % 4) * 100 + i % 6; });
  for_runnable(kRows, {"values", data.p}, [&](const AdaptivePool3dKernel& kernel) {
    data.run(kernel);
    for (int64_t i = 0; i < 6; ++i)
      EXPECT_EQ(data.y.at(i, 0), float(500 + (i / 3) * 200 + 50 + (i % 3) * 2 + 0.5));
  });
}

}  // namespace
}  // namespace sf
