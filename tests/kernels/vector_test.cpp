#include "kernels/vector/vector.h"

#include "kernels/vector/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

const double kNan = std::numeric_limits<double>::quiet_NaN();

Rows<float> values(const char* key, int64_t n) { return input<float>(1, n, n).fill(reals(key)); }

class Vector : public ::testing::TestWithParam<Case<VectorProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Vector, ::testing::ValuesIn(vector_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Vector, AccumulateAdds) {
  const VectorProblem p = GetParam().problem;
  const Rows<float> x = values("x", p.n), before = values("y", p.n);
  for_runnable(accumulate_kernels(Backend::cpu), GetParam(), [&](const AccumulateKernel& kernel) {
    Rows<float> y = before, wanted = before;
    run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
    wanted.fill([&](int64_t i) { return x.at(0, i) + before.at(0, i); });
    expect_equal(y, wanted);
    EXPECT_TRUE(y.guards_intact());
  });
}

TEST_P(Vector, ScaleMultiplies) {
  const VectorProblem p = GetParam().problem;
  const Rows<float> x = values("x", p.n);
  const double factor = 0.3;
  for_runnable(scale_kernels(Backend::cpu), GetParam(), [&](const ScaleKernel& kernel) {
    Rows<float> y = output<float>(1, p.n, p.n), wanted = y, shared = x;
    run_kernel(kernel, p, {.x = x.data(), .factor = &factor, .y = y.data()});
    wanted.fill([&](int64_t i) { return x.at(0, i) * 0.3F; });
    expect_equal(y, wanted);
    EXPECT_TRUE(y.guards_intact());
    run_kernel(kernel, p, {.x = shared.data(), .factor = &factor, .y = shared.data()});
    expect_equal(shared, wanted);
  });
}

TEST_P(Vector, SumOfSquaresOfIntegersIsExact) {
  const VectorProblem p = GetParam().problem;
  const Rows<float> x = input<float>(1, p.n, p.n).fill(integers("x", 1000));
  double wanted = 0;
  for (int64_t i = 0; i < p.n; ++i) wanted += double(x.at(0, i)) * double(x.at(0, i));
  for_runnable(sum_of_squares_kernels(Backend::cpu), GetParam(),
               [&](const SumOfSquaresKernel& kernel) {
                 double sum = 0;
                 run_kernel(kernel, p, {.x = x.data(), .sum = &sum});
                 EXPECT_EQ(sum, wanted);
               });
}

TEST_P(Vector, ClampKeepsTheLimitsAndNan) {
  const int64_t n = GetParam().problem.n;
  const ClampProblem p{.n = n, .limit = 0.5};
  Rows<float> x = values("x", n);
  x.at(0, n / 2) = float(kNan);
  Rows<float> wanted = output<float>(1, n, n);
  wanted.fill([&](int64_t i) {
    const double v = double(x.at(0, i));
    return std::isnan(v) ? v : std::copysign(std::min(std::abs(v), 0.5), v);
  });
  for (const auto& kernel : clamp_kernels(Backend::cpu)) {
    Rows<float> y = output<float>(1, n, n);
    run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
    expect_equal(y, wanted);
    EXPECT_TRUE(y.guards_intact());
  }
}

TEST(VectorNorm, SquaresOfEveryTypeAreAddedInDoublePrecision) {
  const VectorProblem p{.dtype = DType::f64, .n = 3};
  const double x[] = {3, 1e-9, 4};
  double sum = 0;
  run_kernel(sum_of_squares_kernels(Backend::cpu)[0], p, {.x = x, .sum = &sum});
  EXPECT_EQ(sum, 25.0);
  // 2^24 and 1: in single precision the 1 would be lost.
  const float y[] = {4096, 1, 0};
  run_kernel(sum_of_squares_kernels(Backend::cpu)[0], {.n = 3}, {.x = y, .sum = &sum});
  EXPECT_EQ(sum, 16777217.0);
}

TEST(VectorNorm, TheFactorBringsALongerVectorToItsLimit) {
  const ClipNormKernel& kernel = clip_norm_kernels(Backend::cpu)[0];
  const double squares[] = {36, 0, 64};
  double norm = 0, factor = 0;
  const auto clip = [&](double limit) {
    run_kernel(kernel, {.arrays = 3, .max_norm = limit},
               {.squares = squares, .norm = &norm, .factor = &factor});
    EXPECT_EQ(norm, 10);
    return factor;
  };
  EXPECT_EQ(clip(5), 5 / 10.000001);
  EXPECT_EQ(clip(11), 1);
  EXPECT_EQ(clip(0), 1);  // no limit: the norm is only measured
}

TEST(VectorNorm, ANanIsNotHidden) {
  const double squares[] = {kNan};
  double norm = 0, factor = 0;
  run_kernel(clip_norm_kernels(Backend::cpu)[0], {.max_norm = 1},
             {.squares = squares, .norm = &norm, .factor = &factor});
  EXPECT_TRUE(std::isnan(norm));
  EXPECT_TRUE(std::isnan(factor));
}

}  // namespace
}  // namespace sf
