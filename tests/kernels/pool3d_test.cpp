#include "kernels/pool3d/cases.h"
#include "tests/kernels/pool_laws.h"

namespace sf {
namespace {

using namespace sf::test;

template <class T>
using Data = PoolData<T, Pool3dProblem>;
constexpr Table<Pool3dProblem, Pool3dArgs> kRows = pool3d_kernels;
constexpr PoolLaws<Pool3dProblem, Pool3dArgs> kLaws{kRows};

class Pool3d : public ::testing::TestWithParam<Case<Pool3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Pool3d, ::testing::ValuesIn(pool3d_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Pool3d, EveryKernelEqualsTheReferenceOnIntegers) {
  kLaws.every_kernel_equals_the_reference_on_integers(GetParam());
}

TEST_P(Pool3d, RowsOfTheCpuEqualTheReferenceBitForBit) {
  kLaws.rows_of_the_cpu_equal_the_reference_bit_for_bit(GetParam());
}

TEST_P(Pool3d, HalfTypesRoundTheSinglePrecisionResultOnce) {
  kLaws.half_types_round_the_single_precision_result_once(GetParam());
}

TEST_P(Pool3d, DoublePrecisionDiffersByRoundingOnly) {
  // Maxima are exact.
  const Pool3dProblem& p = GetParam().problem;
  const double window = double(p.window[0]) * p.window[1] * p.window[2];
  kLaws.double_precision_differs_by_rounding_only(GetParam(), p.kind == PoolKind::max ? 0 : window);
}

TEST_P(Pool3d, NanReachesExactlyTheWindowsThatHoldIt) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.x.fill(integers("x", 9));
    data.run(reference_of(kRows));
    const Rows<T> clean = data.y;
    const int64_t pixel = data.x.rows() / 2, channel = data.p.c / 2;
    const int at[3] = {int(pixel / data.p.w / data.p.h % data.p.t),
                       int(pixel / data.p.w % data.p.h), int(pixel % data.p.w)};
    const int64_t sample = pixel / data.p.w / data.p.h / data.p.t;
    data.x.at(pixel, channel) = T(std::numeric_limits<float>::quiet_NaN());
    Rows<T> wanted = clean;
    const int extent[3] = {data.p.out_t(), data.p.out_h(), data.p.out_w()};
    for (int64_t i = 0; i < wanted.rows(); ++i) {
      const int64_t out[3] = {i / extent[2] / extent[1] % extent[0], i / extent[2] % extent[1],
                              i % extent[2]};
      bool sees = i / extent[2] / extent[1] / extent[0] == sample;
      for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t first = out[axis] * data.p.stride[axis] - data.p.pad[axis];
        sees = sees && at[axis] >= first && at[axis] < first + data.p.window[axis];
      }
      if (sees) wanted.at(i, channel) = T(std::numeric_limits<float>::quiet_NaN());
    }
    for_runnable(kRows, {GetParam().name, data.p}, [&](const Pool3dKernel& kernel) {
      data.run(kernel);
      expect_equal(data.y, wanted);
    });
  });
}

TEST(Pool3dValues, AverageCountsPaddingOnlyWhereAsked) {
  Pool3dProblem p{.kind = PoolKind::average,
                  .w = 4,
                  .window = {1, 1, 3},
                  .stride = {1, 1, 2},
                  .pad = {0, 0, 1}};
  Data<float> data(p);
  data.x.fill([](int64_t i) { return 6 * (i + 1); });  // 6 12 18 24
  for_runnable(kRows, {"values", data.p}, [&](const Pool3dKernel& kernel) {
    data.p.count_include_pad = true;
    data.run(kernel);
    EXPECT_EQ(data.y.at(0, 0), 6);  // (0 + 6 + 12) / 3
    EXPECT_EQ(data.y.at(1, 0), 18);
    data.p.count_include_pad = false;
    data.run(kernel);
    EXPECT_EQ(data.y.at(0, 0), 9);  // (6 + 12) / 2
    EXPECT_EQ(data.y.at(1, 0), 18);
  });
}

TEST(Pool3dValues, TheMaximumOfMinusInfinityIsMinusInfinity) {
  const Pool3dProblem p{.w = 3,
                        .c = 21,
                        .window = {1, 1, 3},
                        .stride = {1, 1, 1},
                        .pad = {0, 0, 1},
                        .x_pitch = 21,
                        .y_pitch = 21};
  Data<float> data(p);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  data.x.fill([&](int64_t i) { return i >= 42 ? 7 : -kInfinity; });
  for_runnable(kRows, {"values", data.p}, [&](const Pool3dKernel& kernel) {
    data.run(kernel);
    for (int c = 0; c < 21; ++c) {
      EXPECT_EQ(data.y.at(0, c), -kInfinity);
      EXPECT_EQ(data.y.at(1, c), 7);
    }
  });
}

}  // namespace
}  // namespace sf
