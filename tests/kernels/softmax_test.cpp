#include "kernels/softmax/softmax.h"

#include <algorithm>

#include "kernels/softmax/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

// Filled with values that V holds.
template <class T, class V = T>
struct Data {
  SoftmaxProblem p;
  Rows<T> x, y;

  explicit Data(SoftmaxProblem problem)
      : p(problem),
        x(input<T>(p.rows, p.cols, p.x_pitch)),
        y(output<T>(p.rows, p.cols, p.y_pitch)) {
    p.dtype = dtype_of<T>;
    x.fill([value = reals("x")](int64_t i) { return held<V>(8 * value(i)); });
  }
  void run(const SoftmaxKernel& kernel) {
    y = output<T>(p.rows, p.cols, p.y_pitch);
    run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
  }
};

constexpr Table<SoftmaxProblem, SoftmaxArgs> kRows = softmax_kernels;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
const float kNan = std::numeric_limits<float>::quiet_NaN();

class Softmax : public ::testing::TestWithParam<Case<SoftmaxProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Softmax, ::testing::ValuesIn(softmax_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Softmax, EveryKernelStaysWithinTheRoundingBound) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<double, T> exact(GetParam().problem);
    Data<T> found(GetParam().problem);
    exact.run(reference_of(kRows));
    // x - max is rounded, at most 16 eps / 2, which exp turns into a relative error, in y and in
    // the sum; exp is within 2 ulp in both; the sum of the columns is rounded at every addition.
    const double bound = kEps * (16 + 4 + found.p.cols / 2.0 + 1);
    for_runnable(kRows, {GetParam().name, found.p}, [&](const SoftmaxKernel& kernel) {
      found.run(kernel);
      EXPECT_TRUE(found.y.guards_intact());
      expect_within(found.y, exact.y, [&](int64_t i, int64_t c) {
        const double y = exact.y.at(i, c);
        return bound * y + rounding<T>(y * (1 + bound));
      });
    });
  });
}

TEST_P(Softmax, TheReferenceIsTheDefinition) {
  Data<double> data(GetParam().problem);
  data.run(reference_of(kRows));
  for (int64_t row = 0; row < data.p.rows; ++row) {
    double sum = 0;
    for (int64_t i = 0; i < data.p.cols; ++i) sum += std::exp(data.x.at(row, i));
    for (int64_t i = 0; i < data.p.cols; ++i)
      ASSERT_NEAR(data.y.at(row, i), std::exp(data.x.at(row, i)) / sum,
                  1e-13);  // 400 terms in double
  }
}

// Integers, so that the shifted values are exact.
TEST_P(Softmax, AddingAConstantToARowChangesNoBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem), shifted(GetParam().problem);
    data.x.fill(integers("x", 20));
    shifted.x.fill([value = integers("x", 20)](int64_t i) { return value(i) + 200; });
    for_runnable(kRows, {GetParam().name, data.p}, [&](const SoftmaxKernel& kernel) {
      data.run(kernel);
      shifted.run(kernel);
      expect_equal(shifted.y, data.y);
    });
  });
}

TEST_P(Softmax, TheOutputMayBeTheInput) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    SoftmaxProblem p = GetParam().problem;
    p.dtype = dtype_of<T>;
    p.y_pitch = p.x_pitch;
    Data<T> apart(p), shared(p);
    for_runnable(kRows, {GetParam().name, p}, [&](const SoftmaxKernel& kernel) {
      apart.run(kernel);
      shared.y = shared.x;
      run_kernel(kernel, p, {.x = shared.y.data(), .y = shared.y.data()});
      expect_equal(shared.y, apart.y);
    });
  });
}

TEST_P(Softmax, OneBadValueMakesItsRowNan) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    for (const float bad : {kNan, kInfinity})
      for (const int64_t at : {int64_t{0}, int64_t{GetParam().problem.cols} - 1}) {
        Data<T> data(GetParam().problem);
        data.x.at(0, at) = T(bad);
        for_runnable(kRows, {GetParam().name, data.p}, [&](const SoftmaxKernel& kernel) {
          data.run(kernel);
          for (int64_t i = 0; i < data.p.cols; ++i) ASSERT_TRUE(std::isnan(float(data.y.at(0, i))));
          if (data.p.rows > 1) { ASSERT_FALSE(std::isnan(float(data.y.at(1, 0)))); }
        });
      }
  });
}

TEST(SoftmaxValues, MinusInfinityIsAZeroUnlessAllAre) {
  Data<float> data({.rows = 2, .cols = 18, .x_pitch = 18, .y_pitch = 18});
  data.x.fill([](int64_t i) { return i < 18 && i % 2 ? 3.0F : -kInfinity; });
  for_runnable(kRows, {"values", data.p}, [&](const SoftmaxKernel& kernel) {
    data.run(kernel);
    for (int64_t i = 0; i < 18; ++i) {
      EXPECT_EQ(data.y.at(0, i), i % 2 ? 1.0F / 9 : 0);
      EXPECT_TRUE(std::isnan(data.y.at(1, i)));
    }
  });
}

}  // namespace
}  // namespace sf
