#include "kernels/pool3d/pool3d.h"

#include "kernels/pool3d/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

template <class T>
struct Data {
  Pool3dProblem p;
  Rows<T> x, y;

  explicit Data(Pool3dProblem problem)
      : p(problem),
        x(input<T>(int64_t{p.n} * p.t * p.h * p.w, p.c, p.x_pitch)),
        y(output<T>(out_pixels(), p.c, p.y_pitch)) {
    p.dtype = dtype_of<T>;
  }

  int64_t out_pixels() const { return int64_t{p.n} * p.out_t() * p.out_h() * p.out_w(); }
  void run(const Pool3dKernel& kernel) {
    y = output<T>(out_pixels(), p.c, p.y_pitch);
    run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
  }
};

constexpr Table<Pool3dProblem, Pool3dArgs> kRows = pool3d_kernels;

class Pool3d : public ::testing::TestWithParam<Case<Pool3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Pool3d, ::testing::ValuesIn(pool3d_cases()),
                         [](const auto& info) { return info.param.name; });

// All values negative: padding that took part in a maximum would show. Sums of integers are exact
// in every order.
TEST_P(Pool3d, EveryKernelEqualsTheReferenceOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.x.fill([value = integers("x", 99)](int64_t i) { return value(i) - 100; });
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.y;
    ASSERT_TRUE(wanted.guards_intact());
    for_runnable(kRows, {GetParam().name, data.p}, [&](const Pool3dKernel& kernel) {
      data.run(kernel);
      expect_equal(data.y, wanted);
      EXPECT_TRUE(data.y.guards_intact());
    });
  });
}

TEST_P(Pool3d, RowsOfTheCpuEqualTheReferenceBitForBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.x.fill(reals("x"));
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.y;
    for_runnable(kRows(Backend::cpu), {GetParam().name, data.p}, [&](const Pool3dKernel& kernel) {
      data.run(kernel);
      expect_equal(data.y, wanted);
    });
  });
}

TEST_P(Pool3d, HalfTypesRoundTheSinglePrecisionResultOnce) {
  for_half_types([&](auto type) {
    using T = decltype(type);
    Data<T> half(GetParam().problem);
    Data<float> single(GetParam().problem);
    half.x.fill(reals<T>("x"));
    single.x.fill(reals<T>("x"));
    half.run(reference_of(kRows));
    single.run(reference_of(kRows));
    expect_rounded(half.y, single.y);
  });
}

TEST_P(Pool3d, DoublePrecisionDiffersByRoundingOnly) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> found(GetParam().problem);
    Data<double> exact(GetParam().problem);
    found.x.fill(reals<T>("x"));
    exact.x.fill(reals<T>("x"));
    exact.run(reference_of(kRows));
    // Maxima are exact; values below 1 that are added `window` times and divided once.
    const auto& p = found.p;
    const double window = double(p.window[0]) * p.window[1] * p.window[2];
    const double bound = p.kind == PoolKind::max ? 0 : (window + 1) * kEps / 2;
    for_runnable(kRows, {GetParam().name, p}, [&](const Pool3dKernel& kernel) {
      found.run(kernel);
      expect_within(found.y, exact.y, [&](int64_t i, int64_t c) {
        return bound == 0 ? 0 : bound + rounding<T>(std::abs(exact.y.at(i, c)) + bound);
      });
    });
  });
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
