#include "kernels/vector/vector.h"

#include "kernels/vector/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

const double kNan = std::numeric_limits<double>::quiet_NaN();

Rows<float> values(const char* key, int64_t n) { return input<float>(1, n, n).fill(reals(key)); }

constexpr Table<VectorProblem, AccumulateArgs> kAccumulate = accumulate_kernels;
constexpr Table<VectorProblem, ScaleArgs> kScale = scale_kernels;
constexpr Table<VectorProblem, SumOfSquaresArgs> kSumOfSquares = sum_of_squares_kernels;
constexpr Table<ClampProblem, ClampArgs> kClamp = clamp_kernels;
constexpr Table<ClipNormProblem, ClipNormArgs> kClipNorm = clip_norm_kernels;

class Vector : public ::testing::TestWithParam<Case<VectorProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Vector, ::testing::ValuesIn(vector_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Vector, AccumulateAdds) {
  const VectorProblem p = GetParam().problem;
  const Rows<float> x = values("x", p.n), before = values("y", p.n);
  for_runnable(kAccumulate, GetParam(), [&](const AccumulateKernel& kernel) {
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
  Visible<double> factor = 0.3;
  for_runnable(kScale, GetParam(), [&](const ScaleKernel& kernel) {
    Rows<float> y = output<float>(1, p.n, p.n), wanted = y, shared = x;
    run_kernel(kernel, p, {.x = x.data(), .factor = factor.data(), .y = y.data()});
    wanted.fill([&](int64_t i) { return x.at(0, i) * 0.3F; });
    expect_equal(y, wanted);
    EXPECT_TRUE(y.guards_intact());
    run_kernel(kernel, p, {.x = shared.data(), .factor = factor.data(), .y = shared.data()});
    expect_equal(shared, wanted);
  });
}

TEST_P(Vector, SumOfSquaresOfIntegersIsExact) {
  const VectorProblem p = GetParam().problem;
  const Rows<float> x = input<float>(1, p.n, p.n).fill(integers("x", 1000));
  double wanted = 0;
  for (int64_t i = 0; i < p.n; ++i) wanted += double(x.at(0, i)) * double(x.at(0, i));
  for_runnable(kSumOfSquares, GetParam(), [&](const SumOfSquaresKernel& kernel) {
    Visible<double> sum = 0.0;
    run_kernel(kernel, p, {.x = x.data(), .sum = sum.data()});
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
  for_runnable(kClamp, {GetParam().name, p}, [&](const ClampKernel& kernel) {
    Rows<float> y = output<float>(1, n, n);
    run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
    expect_equal(y, wanted);
    EXPECT_TRUE(y.guards_intact());
  });
}

// The same values at an address that no vector fits.
TEST_P(Vector, AnAddressBetweenVectorsChangesNothing) {
  VectorProblem p = GetParam().problem;
  if (p.n == 1) return;
  Rows<float> x = values("x", p.n), y = values("y", p.n);
  --p.n;
  for_runnable(kAccumulate, {GetParam().name, p}, [&](const AccumulateKernel& kernel) {
    Rows<float> found = y, wanted = y;
    run_kernel(kernel, p, {.x = x.data() + 1, .y = found.data()});
    wanted.fill([&](int64_t i) { return i < p.n ? x.at(0, i + 1) + y.at(0, i) : y.at(0, i); });
    expect_equal(found, wanted);
  });
  x.fill(integers("x", 1000));
  double wanted = 0;
  for (int64_t i = 1; i <= p.n; ++i) wanted += double(x.at(0, i)) * double(x.at(0, i));
  for_runnable(kSumOfSquares, {GetParam().name, p}, [&](const SumOfSquaresKernel& kernel) {
    Visible<double> sum = 0.0;
    run_kernel(kernel, p, {.x = x.data() + 1, .sum = sum.data()});
    EXPECT_EQ(sum, wanted);
  });
}

TEST(VectorNorm, SquaresAreAddedInDoublePrecision) {
  const double x[] = {3, 1e-9, 4};
  Visible<double> sum = 0.0;
  run_kernel(reference_of(kSumOfSquares), {.dtype = DType::f64, .n = 3},
             {.x = x, .sum = sum.data()});
  EXPECT_EQ(sum, 25.0);
  // 2^24 and 1: in single precision the 1 would be lost.
  const VisibleVector<float> y{4096, 1, 0};
  for_runnable(kSumOfSquares, {"squares", {.n = 3}}, [&](const SumOfSquaresKernel& kernel) {
    run_kernel(kernel, {.n = 3}, {.x = y.data(), .sum = sum.data()});
    EXPECT_EQ(sum, 16777217.0);
  });
}

TEST(VectorNorm, TheFactorBringsALongerVectorToItsLimit) {
  VisibleVector<double> squares(300, 0.0);  // more arrays than a block has threads
  squares[0] = 36, squares[299] = 64;
  for_runnable(kClipNorm, {"clip", {.arrays = 300}}, [&](const ClipNormKernel& kernel) {
    Visible<double> norm = 0.0, factor = 0.0;
    const auto clip = [&](double limit) -> double {
      run_kernel(kernel, {.arrays = 300, .max_norm = limit},
                 {.squares = squares.data(), .norm = norm.data(), .factor = factor.data()});
      EXPECT_EQ(norm, 10);
      return factor;
    };
    EXPECT_EQ(clip(5), 5 / 10.000001);
    EXPECT_EQ(clip(11), 1);
    EXPECT_EQ(clip(0), 1);  // no limit: the norm is only measured
  });
}

TEST(VectorNorm, ANanIsNotHidden) {
  const VisibleVector<double> squares{kNan};
  for_runnable(kClipNorm, {"nan", {.max_norm = 1}}, [&](const ClipNormKernel& kernel) {
    Visible<double> norm = 0.0, factor = 0.0;
    run_kernel(kernel, {.max_norm = 1},
               {.squares = squares.data(), .norm = norm.data(), .factor = factor.data()});
    EXPECT_TRUE(std::isnan(norm));
    EXPECT_TRUE(std::isnan(factor));
  });
}

}  // namespace
}  // namespace sf
