#include "kernels/vector/vector.h"

#include "kernels/vector/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

const double kNan = std::numeric_limits<double>::quiet_NaN();

Rows<float> values(const char* key, int64_t n) { return input<float>(1, n, n).fill(reals(key)); }

constexpr Table<ArraysProblem, AccumulateArgs> kAccumulate = accumulate_kernels;
constexpr Table<VectorProblem, ScaleArgs> kScale = scale_kernels;
constexpr Table<ArraysProblem, SumOfSquaresArgs> kSumOfSquares = sum_of_squares_kernels;
constexpr Table<ClampProblem, ClampArgs> kClamp = clamp_kernels;
constexpr Table<ClipNormProblem, ClipNormArgs> kClipNorm = clip_norm_kernels;

class Vector : public ::testing::TestWithParam<Case<VectorProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Vector, ::testing::ValuesIn(vector_cases()),
                         [](const auto& info) { return info.param.name; });

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

// Several arrays that begin `offset` values behind an aligned address.
struct Arrays {
  std::vector<Rows<float>> rows;
  int offset;

  template <class F>
  Arrays(const ArraySizes& sizes, int offset, const F& value) : offset(offset) {
    for (int i = 0; i < sizes.count; ++i) {
      const int n = sizes.n[size_t(i)] + offset;
      rows.push_back(input<float>(1, n, n));
      rows.back().fill([&](int64_t j) { return value(j + i * 100000); });
    }
  }
  template <class Void>
  ArrayList<Void> addresses() {
    ArrayList<Void> list{};
    for (size_t i = 0; i < rows.size(); ++i) list[i] = rows[i].data() + offset;
    return list;
  }
};

class VectorArrays : public ::testing::TestWithParam<Case<ArraysProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, VectorArrays, ::testing::ValuesIn(arrays_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(VectorArrays, AccumulateAddsWhereverTheArraysBegin) {
  const ArraysProblem p = GetParam().problem;
  for (const int offset : {0, 1})
    for_runnable(kAccumulate, GetParam(), [&](const AccumulateKernel& kernel) {
      Arrays x(p.sizes, offset, reals("x")), y(p.sizes, offset, reals("y"));
      Arrays wanted = y;
      run_kernel(kernel, p, {.x = x.addresses<const void>(), .y = y.addresses<void>()});
      for (size_t i = 0; i < y.rows.size(); ++i) {
        for (int64_t j = offset; j < y.rows[i].channels(); ++j)
          wanted.rows[i].at(0, j) += x.rows[i].at(0, j);
        expect_equal(y.rows[i], wanted.rows[i]);
        EXPECT_TRUE(y.rows[i].guards_intact());
      }
    });
}

TEST_P(VectorArrays, TheSumOfSquaresOfIntegersIsExactWhereverTheArraysBegin) {
  const ArraysProblem p = GetParam().problem;
  for (const int offset : {0, 1}) {
    Arrays x(p.sizes, offset, integers("x", 1000));
    double wanted = 0;
    for (const auto& row : x.rows)
      for (int64_t j = offset; j < row.channels(); ++j)
        wanted += double(row.at(0, j)) * double(row.at(0, j));
    for_runnable(kSumOfSquares, GetParam(), [&](const SumOfSquaresKernel& kernel) {
      Visible<double> sum = 0.0;
      run_kernel(kernel, p, {.x = x.addresses<const void>(), .sum = sum.data()});
      EXPECT_EQ(sum, wanted);
    });
  }
}

TEST(VectorNorm, SquaresAreAddedInDoublePrecision) {
  const double x[] = {3, 1e-9, 4};
  Visible<double> sum = 0.0;
  run_kernel(reference_of(kSumOfSquares), {.dtype = DType::f64, .sizes = {3}},
             {.x = {x}, .sum = sum.data()});
  EXPECT_EQ(sum, 25.0);
  // 2^24 and 1: in single precision the 1 would be lost.
  const VisibleVector<float> y{4096, 1, 0};
  for_runnable(kSumOfSquares, {"squares", {.sizes = {3}}}, [&](const SumOfSquaresKernel& kernel) {
    run_kernel(kernel, {.sizes = {3}}, {.x = {y.data()}, .sum = sum.data()});
    EXPECT_EQ(sum, 16777217.0);
  });
}

TEST(VectorNorm, TheFactorBringsALongerVectorToItsLimit) {
  VisibleVector<double> squares(300, 0.0);  // more sums than a block has threads
  squares[0] = 36, squares[299] = 64;
  for_runnable(kClipNorm, {"clip", {.sums = 300}}, [&](const ClipNormKernel& kernel) {
    Visible<double> norm = 0.0, factor = 0.0;
    const auto clip = [&](double limit) -> double {
      run_kernel(kernel, {.sums = 300, .max_norm = limit},
                 {.squares = squares.data(), .norm = norm.data(), .factor = factor.data()});
      EXPECT_EQ(norm, 10);
      return factor;
    };
    EXPECT_EQ(clip(5), 5 / 10.000001);
    EXPECT_EQ(clip(11), 1);
    EXPECT_EQ(clip(0), 1);  // no limit: the norm is only measured
  });
}

// Arrays that carry the scale of a loss are clipped as if it were taken off first.
TEST(VectorNorm, TheScaleGoesIntoNormAndFactor) {
  const VisibleVector<double> squares{36, 64};
  for_runnable(kClipNorm, {"scaled", {.sums = 2}}, [&](const ClipNormKernel& kernel) {
    Visible<double> norm = 0.0, factor = 0.0, scale = 0.25;
    for (const double limit : {0.0, 1.0, 3.0}) {
      run_kernel(kernel, {.sums = 2, .max_norm = limit},
                 {.squares = squares.data(),
                  .scale = scale.data(),
                  .norm = norm.data(),
                  .factor = factor.data()});
      EXPECT_EQ(norm, 2.5);
      EXPECT_EQ(factor, limit == 1 ? 0.25 * (1 / 2.500001) : 0.25) << limit;
    }
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
