#include "kernels/pointwise/pointwise.h"

#include "kernels/pointwise/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

// Filled with values that V holds.
template <class T, class V = T>
struct UnaryData {
  UnaryProblem p;
  Rows<T> x, y;

  explicit UnaryData(UnaryProblem problem)
      : p(problem), x(input<T>(p.pixels, p.c, p.x_pitch)), y(output<T>(p.pixels, p.c, p.y_pitch)) {
    p.dtype = dtype_of<T>;
    x.fill([value = reals("x")](int64_t i) { return held<V>(30 * value(i)); });
  }
  void run(const UnaryKernel& kernel) {
    y = output<T>(p.pixels, p.c, p.y_pitch);
    run_kernel(kernel, p, {.x = x.data(), .y = y.data()});
  }
};

constexpr Table<UnaryProblem, UnaryArgs> kUnaryRows = unary_kernels;

class Unary : public ::testing::TestWithParam<Case<UnaryProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Unary, ::testing::ValuesIn(unary_cases()),
                         [](const auto& info) { return info.param.name; });

// exp is within 2 ulp, the sum with 1, the division and a product add half an ulp each: 4 eps of
// the result. relu is exact.
TEST_P(Unary, EveryKernelStaysWithinFourEpsilonOfTheFunction) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    UnaryData<double, T> exact(GetParam().problem);
    UnaryData<T> found(GetParam().problem);
    exact.run(reference_of(kUnaryRows));
    for_runnable(kUnaryRows, {GetParam().name, found.p}, [&](const UnaryKernel& kernel) {
      found.run(kernel);
      EXPECT_TRUE(found.y.guards_intact());
      expect_within(found.y, exact.y, [&](int64_t i, int64_t c) {
        if (found.p.kind == UnaryKind::relu) return 0.0;
        const double y = std::abs(exact.y.at(i, c));
        return 4 * kEps * y + rounding<T>(y * (1 + 4 * kEps));
      });
    });
  });
}

TEST_P(Unary, TheOutputMayBeTheInput) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    UnaryProblem p = GetParam().problem;
    p.dtype = dtype_of<T>;
    p.y_pitch = p.x_pitch;
    UnaryData<T> apart(p), shared(p);
    for_runnable(kUnaryRows, {GetParam().name, p}, [&](const UnaryKernel& kernel) {
      apart.run(kernel);
      shared.y = shared.x;
      run_kernel(kernel, p, {.x = shared.y.data(), .y = shared.y.data()});
      expect_equal(shared.y, apart.y);
    });
  });
}

TEST(UnaryValues, ExtremesAreTheLimits) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  // swish(-inf) is -inf times 0.
  const std::vector<double> x{-kInfinity, -1e30, -200, 0, 200, 1e30, kInfinity, nan};
  const std::vector<std::pair<UnaryKind, std::vector<double>>> wanted{
      {UnaryKind::relu, {0, 0, 0, 0, 200, 1e30, kInfinity, nan}},
      {UnaryKind::sigmoid, {0, 0, 0, 0.5, 1, 1, 1, nan}},
      {UnaryKind::swish, {nan, 0, 0, 0, 200, 1e30, kInfinity, nan}}};
  const auto width = int(x.size());
  for (const int copies : {1, 3})  // narrow vectors and wide ones
    for (const auto& [kind, values] : wanted) {
      UnaryData<float> data({.kind = kind, .c = width * copies, .x_pitch = 24, .y_pitch = 24});
      data.x.fill([&](int64_t i) { return x[size_t(i % width)]; });
      Rows<float> y = data.y;
      y.fill([&, &v = values](int64_t i) { return v[size_t(i % width)]; });
      for_runnable(kUnaryRows, {cat("kind ", int(kind)), data.p}, [&](const UnaryKernel& kernel) {
        data.run(kernel);
        expect_equal(data.y, y);
      });
    }
}

// Filled with values that V holds.
template <class T, class V = T>
struct BinaryData {
  BinaryProblem p;
  Rows<T> a, b, y;

  explicit BinaryData(BinaryProblem problem)
      : p(problem),
        a(input<T>(p.pixels, p.c, p.a_pitch)),
        b(input<T>(p.pixels / p.b_repeat, p.c, p.b_pitch)),
        y(output<T>(p.pixels, p.c, p.y_pitch)) {
    p.dtype = dtype_of<T>;
    a.fill(reals<V>("a"));
    b.fill(reals<V>("b"));
  }
  void run(const BinaryKernel& kernel) {
    y = output<T>(p.pixels, p.c, p.y_pitch);
    run_kernel(kernel, p, {.a = a.data(), .b = b.data(), .y = y.data()});
  }
};

constexpr Table<BinaryProblem, BinaryArgs> kBinaryRows = binary_kernels;

class Binary : public ::testing::TestWithParam<Case<BinaryProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Binary, ::testing::ValuesIn(binary_cases()),
                         [](const auto& info) { return info.param.name; });

// One operation, rounded once, in every row.
TEST_P(Binary, EveryKernelEqualsTheDefinitionBitForBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    BinaryData<T> data(GetParam().problem);
    const BinaryProblem& p = data.p;
    Rows<T> wanted = data.y;
    wanted.fill([&](int64_t i) {
      const float a = float(data.a.at(i / p.c, i % p.c)),
                  b = float(data.b.at(i / p.c / p.b_repeat, i % p.c));
      return p.kind == BinaryKind::add ? a + b : a * b;
    });
    for_runnable(kBinaryRows, {GetParam().name, data.p}, [&](const BinaryKernel& kernel) {
      data.run(kernel);
      expect_equal(data.y, wanted);
      EXPECT_TRUE(data.y.guards_intact());
    });
  });
}

TEST_P(Binary, DoublePrecisionDiffersByRoundingOnly) {
  BinaryData<float> single(GetParam().problem);
  BinaryData<double> exact(GetParam().problem);
  single.run(reference_of(kBinaryRows));
  exact.run(reference_of(kBinaryRows));
  expect_within(single.y, exact.y,
                [&](int64_t i, int64_t c) { return kEps / 2 * std::abs(exact.y.at(i, c)); });
}

TEST_P(Binary, TheOutputMayBeTheFirstInput) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    BinaryProblem p = GetParam().problem;
    p.dtype = dtype_of<T>;
    p.y_pitch = p.a_pitch;
    BinaryData<T> apart(p), shared(p);
    for_runnable(kBinaryRows, {GetParam().name, p}, [&](const BinaryKernel& kernel) {
      apart.run(kernel);
      shared.y = shared.a;
      run_kernel(kernel, apart.p,
                 {.a = shared.y.data(), .b = shared.b.data(), .y = shared.y.data()});
      expect_equal(shared.y, apart.y);
    });
  });
}

}  // namespace
}  // namespace sf
