#include "kernels/adaptive_pool3d/adaptive_pool3d.h"

#include "kernels/adaptive_pool3d/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

template <class T>
struct Data {
  AdaptivePool3dProblem p;
  Rows<T> x, y;

  explicit Data(AdaptivePool3dProblem problem)
      : p(problem),
        x(input<T>(int64_t{p.n} * p.t * p.h * p.w, p.c, p.x_pitch)),
        y(output<T>(out_pixels(), p.c, p.y_pitch)) {
    p.dtype = dtype_of<T>;
  }

  int64_t out_pixels() const { return int64_t{p.n} * p.out_t * p.out_h * p.out_w; }
  void run(const AdaptivePool3dKernel& kernel) {
    y = output<T>(out_pixels(), p.c, p.y_pitch);
    run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
  }
};

constexpr Table<AdaptivePool3dProblem, AdaptivePool3dArgs> kRows = adaptive_pool3d_kernels;

class AdaptivePool3d : public ::testing::TestWithParam<Case<AdaptivePool3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, AdaptivePool3d, ::testing::ValuesIn(adaptive_pool3d_cases()),
                         [](const auto& info) { return info.param.name; });

// Sums of integers are exact in every order.
TEST_P(AdaptivePool3d, EveryKernelEqualsTheReferenceOnIntegers) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.x.fill(integers("x", 99));
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.y;
    ASSERT_TRUE(wanted.guards_intact());
    for_runnable(kRows, {GetParam().name, data.p}, [&](const AdaptivePool3dKernel& kernel) {
      data.run(kernel);
      expect_equal(data.y, wanted);
      EXPECT_TRUE(data.y.guards_intact());
    });
  });
}

// Sums are taken in the same order.
TEST_P(AdaptivePool3d, RowsOfTheCpuEqualTheReferenceBitForBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.x.fill(reals("x"));
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.y;
    for_runnable(kRows(Backend::cpu), {GetParam().name, data.p},
                 [&](const AdaptivePool3dKernel& kernel) {
                   data.run(kernel);
                   expect_equal(data.y, wanted);
                 });
  });
}

TEST_P(AdaptivePool3d, HalfTypesRoundTheSinglePrecisionResultOnce) {
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

TEST_P(AdaptivePool3d, DoublePrecisionDiffersByRoundingOnly) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> found(GetParam().problem);
    Data<double> exact(GetParam().problem);
    found.x.fill(reals<T>("x"));
    exact.x.fill(reals<T>("x"));
    exact.run(reference_of(kRows));
    // Values below 1, no more than all pixels of them, added and divided once.
    const double bound = (double(found.x.rows()) + 1) * kEps / 2;
    for_runnable(kRows, {GetParam().name, found.p}, [&](const AdaptivePool3dKernel& kernel) {
      found.run(kernel);
      expect_within(found.y, exact.y, [&](int64_t i, int64_t c) {
        return bound + rounding<T>(std::abs(exact.y.at(i, c)) + bound);
      });
    });
  });
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
