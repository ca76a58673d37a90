#include "kernels/pointwise/backward.h"
#include "kernels/pointwise/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

// Filled with values that V holds.
template <class T, class V = T>
struct Data {
  UnaryBackwardProblem p;
  Rows<T> saved, dy, dx;

  explicit Data(UnaryBackwardProblem problem)
      : p(problem),
        saved(input<T>(p.pixels, p.c, p.saved_pitch)),
        dy(input<T>(p.pixels, p.c, p.dy_pitch)),
        dx(output<T>(p.pixels, p.c, p.dx_pitch)) {
    p.dtype = dtype_of<T>;
    saved.fill([value = reals("saved")](int64_t i) { return held<V>(30 * value(i)); });
    dy.fill(reals<V>("dy"));
  }
  void run(const UnaryBackwardKernel& kernel) {
    dx = output<T>(p.pixels, p.c, p.dx_pitch);
    run_kernel(kernel, p, {.saved = saved.data(), .dy = dy.data(), .dx = dx.data()});
  }
};

constexpr Table<UnaryBackwardProblem, UnaryBackwardArgs> kRows = unary_backward_kernels;

class UnaryBackward : public ::testing::TestWithParam<Case<UnaryBackwardProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, UnaryBackward, ::testing::ValuesIn(unary_backward_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(UnaryBackward, HalfTypesRoundTheSinglePrecisionResultOnce) {
  for_half_types([&](auto type) {
    using T = decltype(type);
    Data<T> half(GetParam().problem);
    Data<float, T> single(GetParam().problem);
    half.run(reference_of(kRows));
    single.run(reference_of(kRows));
    expect_rounded(half.dx, single.dx);
  });
}

// relu and sigmoid are a few operations, rounded in one order. The bound of swish is that of its
// README: its sigmoid is within 4 eps, four operations follow.
TEST_P(UnaryBackward, EveryKernelStaysWithinTheBoundOfItsKind) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> wanted(GetParam().problem), found(GetParam().problem);
    Data<double, T> exact(GetParam().problem);
    wanted.run(reference_of(kRows));
    exact.run(reference_of(kRows));
    for_runnable(kRows, {GetParam().name, found.p}, [&](const UnaryBackwardKernel& kernel) {
      found.run(kernel);
      EXPECT_TRUE(found.dx.guards_intact());
      if (found.p.kind != UnaryKind::swish) return expect_equal(found.dx, wanted.dx);
      expect_within(found.dx, exact.dx, [&](int64_t i, int64_t c) {
        const double x = exact.saved.at(i, c), sigmoid = 1 / (1 + std::exp(-x));
        const double bound = 10 * kEps * std::abs(exact.dy.at(i, c)) * sigmoid * (1 + std::abs(x));
        return bound + rounding<T>(std::abs(exact.dx.at(i, c)) + bound);
      });
    });
  });
}

TEST_P(UnaryBackward, TheReferenceEqualsCentralDifferences) {
  Data<double> data(GetParam().problem);
  const UnaryKind kind = data.p.kind;
  const auto f = [&](double x) {
    if (kind == UnaryKind::relu) return std::max(x, 0.0);
    const double sigmoid = 1 / (1 + std::exp(-x));
    return kind == UnaryKind::sigmoid ? sigmoid : x * sigmoid;
  };
  const auto x = [value = reals("x")](int64_t i) { return 5 * value(i); };
  data.saved.fill([&](int64_t i) { return kind == UnaryKind::swish ? x(i) : f(x(i)); });
  data.run(reference_of(kRows));
  constexpr double kStep = 1e-6;
  for (int64_t i = 0; i < data.p.pixels * data.p.c; ++i) {
    const double slope = (f(x(i) + kStep) - f(x(i) - kStep)) / (2 * kStep);
    const double dy = data.dy.at(i / data.p.c, i % data.p.c);
    // Rounding of values below 5 over the step.
    ASSERT_NEAR(data.dx.at(i / data.p.c, i % data.p.c), dy * slope, 1e-9);
  }
}

TEST_P(UnaryBackward, TheOutputMayBeEitherInput) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    UnaryBackwardProblem p = GetParam().problem;
    p.dtype = dtype_of<T>;
    p.saved_pitch = p.dy_pitch = p.dx_pitch;
    Data<T> data(p);
    for_runnable(kRows, {GetParam().name, p}, [&](const UnaryBackwardKernel& kernel) {
      data.run(kernel);
      Rows<T> saved = data.saved, dy = data.dy;
      run_kernel(kernel, data.p, {.saved = saved.data(), .dy = data.dy.data(), .dx = saved.data()});
      run_kernel(kernel, data.p, {.saved = data.saved.data(), .dy = dy.data(), .dx = dy.data()});
      expect_equal(saved, data.dx);
      expect_equal(dy, data.dx);
    });
  });
}

TEST(UnaryBackwardValues, ReluStopsAtZeroAndPassesNan) {
  Data<float> data({.c = 18, .saved_pitch = 18, .dy_pitch = 18, .dx_pitch = 18});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float y[] = {0, -0.0F, 1e-30F, nan, 2, 0};
  data.saved.fill([&](int64_t i) { return y[i % 6]; });
  data.dy.fill([](int64_t i) { return i + 1; });
  for_runnable(kRows, {"values", data.p}, [&](const UnaryBackwardKernel& kernel) {
    data.run(kernel);
    for (int64_t i = 0; i < 18; ++i)
      EXPECT_EQ(data.dx.at(0, i), i % 6 >= 2 && i % 6 <= 4 ? float(i + 1) : 0.0F);
  });
}

}  // namespace
}  // namespace sf
