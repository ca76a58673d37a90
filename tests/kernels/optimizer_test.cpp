#include "kernels/optimizer/optimizer.h"

#include "kernels/optimizer/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

// A parameter and what its optimiser remembers; before the first step that is NaN for SGD, which
// must not read it, and 0 for Adam.
template <class T>
struct Parameter {
  int64_t n;
  Visible<double> learning_rate = 0.1, factor = 1.0;
  Visible<int64_t> step = 0;
  Rows<T> g, p, buffer, mean, square;

  explicit Parameter(int64_t size)
      : n(size), g(input<T>(1, n, n)), p(g), buffer(g), mean(g), square(g) {
    p.fill(reals("p"));
    mean.fill([](int64_t) { return 0; });
    square.fill([](int64_t) { return 0; });
  }
  // A gradient of its own for every step.
  void next() {
    ++step;
    g.fill([value = reals("g"), this](int64_t i) { return value(i + step * n); });
  }
  StepArgs step_args() { return {learning_rate.data(), step.data(), factor.data()}; }
  void run(const SgdKernel& kernel, SgdProblem problem) {
    problem.dtype = dtype_of<T>;
    run_kernel(kernel, problem,
               {.step = step_args(),
                .g = g.data(),
                .p = p.data(),
                .buffer = problem.momentum != 0 ? buffer.data() : nullptr});
  }
  void run(const AdamKernel& kernel, AdamProblem problem) {
    problem.dtype = dtype_of<T>;
    run_kernel(kernel, problem,
               {.step = step_args(),
                .g = g.data(),
                .p = p.data(),
                .mean = mean.data(),
                .square = square.data()});
  }
};

template <class Problem, class Args>
void expect_every_row_equals_the_reference(Table<Problem, Args> table, const Case<Problem>& c) {
  for_runnable(table, c, [&](const auto& kernel) {
    Parameter<float> found(c.problem.n), wanted(c.problem.n);
    for (int i = 0; i < 3; ++i) {
      found.factor = wanted.factor = 0.7;
      found.next();
      wanted.next();
      found.run(kernel, c.problem);
      wanted.run(reference_of(table), c.problem);
      expect_equal(found.p, wanted.p);
      expect_equal(found.buffer, wanted.buffer);
      expect_equal(found.mean, wanted.mean);
      expect_equal(found.square, wanted.square);
    }
    EXPECT_TRUE(found.p.guards_intact());
    EXPECT_TRUE(found.buffer.guards_intact());
    EXPECT_TRUE(found.mean.guards_intact());
    EXPECT_TRUE(found.square.guards_intact());
    for (int64_t i = 0; i < c.problem.n; ++i) ASSERT_TRUE(std::isfinite(found.p.at(0, i)));
  });
}

class Sgd : public ::testing::TestWithParam<Case<SgdProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Sgd, ::testing::ValuesIn(sgd_cases()),
                         [](const auto& info) { return info.param.name; });
class Adam : public ::testing::TestWithParam<Case<AdamProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Adam, ::testing::ValuesIn(adam_cases()),
                         [](const auto& info) { return info.param.name; });

// Three steps, the first of which has no history.
TEST_P(Sgd, EveryKernelEqualsTheReferenceBitForBit) {
  expect_every_row_equals_the_reference<SgdProblem, SgdArgs>(sgd_kernels, GetParam());
}
TEST_P(Adam, EveryKernelEqualsTheReferenceBitForBit) {
  expect_every_row_equals_the_reference<AdamProblem, AdamArgs>(adam_kernels, GetParam());
}

// Three steps of PyTorch 1.13 in double precision, printed with 15 digits.
template <class Rows, class Problem>
void expect_pytorch(const Rows& table, Problem problem, std::array<double, 4> wanted) {
  problem.n = 4;
  Parameter<double> data(4);
  data.p.fill([](int64_t i) { return std::array{1.0, -2.0, 0.5, 3.0}[size_t(i)]; });
  for (int step = 0; step < 3; ++step) {
    data.next();
    data.g.fill([&](int64_t i) {
      return std::array{0.5, -1.0, 0.25, 2.0}[size_t(i)] * (step + 1) -
             std::array{0.0, 1.0, -0.5, 3.0}[size_t(i)] * step;
    });
    data.run(reference_of(table), problem);
  }
  for (int64_t i = 0; i < 4; ++i) EXPECT_NEAR(data.p.at(0, i), wanted[size_t(i)], 1e-14) << i;
}

TEST(SgdValues, ThreeStepsGivePyTorchsNumbers) {
  const auto table = sgd_kernels(Backend::cpu);
  expect_pytorch(table, SgdProblem{}, {0.7, -1.1, 0.2, 2.7});
  expect_pytorch(table, SgdProblem{.weight_decay = 0.01},
                 {0.697202949, -1.094505898, 0.1986514745, 2.691508797});
  expect_pytorch(table, SgdProblem{.momentum = 0.9, .weight_decay = 0.01},
                 {0.519184749, -0.648469498, 0.0646423745, 2.252044197});
  expect_pytorch(table, SgdProblem{.momentum = 0.9, .dampening = 0.5, .weight_decay = 0.01},
                 {0.69046213725, -1.1859492745, 0.247743568625, 2.35093139925});
  expect_pytorch(table, SgdProblem{.momentum = 0.9, .weight_decay = 0.01, .nesterov = true},
                 {0.264890458191, 0.120858083618, -0.1928742709045, 2.019513931623});
}

TEST(AdamValues, ThreeStepsGivePyTorchsNumbers) {
  const auto table = adam_kernels(Backend::cpu);
  expect_pytorch(table, AdamProblem{.weight_decay = 0.01},
                 {0.707453279269014, -1.7160405112927, 0.221549751199965, 2.73358699216668});
  expect_pytorch(table, AdamProblem{.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3},
                 {0.70479370456777, -1.71189727625495, 0.217156605892578, 2.74067391700401});
  expect_pytorch(table, AdamProblem{.weight_decay = 0.05, .decoupled = true},
                 {0.694236645102223, -1.68792328376951, 0.215807542788294, 2.69141249632352});
}

TEST(SgdValues, TheFactorScalesTheGradientAlone) {
  const SgdKernel& kernel = sgd_kernels(Backend::cpu)[0];
  const SgdProblem problem{.n = 37, .momentum = 0.9, .weight_decay = 0.01};
  Parameter<float> scaled(37), plain(37);
  scaled.next();
  plain.next();
  scaled.factor = 0.25;
  plain.g.fill([&](int64_t i) { return 0.25 * double(scaled.g.at(0, i)); });
  scaled.run(kernel, problem);
  plain.run(kernel, problem);
  expect_equal(scaled.p, plain.p);
}

struct LarsData {
  Rows<double> p = input<double>(1, 2, 2), g = p, y = output<double>(1, 2, 2);
  double p_squares = 25, g_squares = 169;

  LarsData() {
    p.fill([](int64_t i) { return 3 + i; });      // norm 5
    g.fill([](int64_t i) { return 5 + 7 * i; });  // norm 13
  }
  void run() {
    run_kernel(lars_kernels(Backend::cpu)[0],
               {.dtype = DType::f64, .n = 2, .trust = 0.5, .epsilon = 0, .weight_decay = 0.1},
               {.p = p.data(),
                .g = g.data(),
                .p_squares = &p_squares,
                .g_squares = &g_squares,
                .y = y.data()});
  }
};

TEST(LarsValues, TheGradientTakesTheLengthOfTheParameter) {
  LarsData data;
  data.run();
  const double rate = 0.5 * 5 / (13 + 0.1 * 5);
  // Some operations in double precision on values of a few units.
  EXPECT_NEAR(data.y.at(0, 0), (5 + 0.1 * 3) * rate, 1e-15);
  EXPECT_NEAR(data.y.at(0, 1), (12 + 0.1 * 4) * rate, 1e-15);
  EXPECT_TRUE(data.y.guards_intact());
}

TEST(LarsValues, EveryKernelEqualsTheReferenceBitForBit) {
  const LarsProblem p{.n = 1000, .trust = 0.5, .weight_decay = 0.1};
  Visible<double> p_squares = 25.0, g_squares = 169.0;
  const auto values = [&](const LarsKernel& kernel) {
    Rows<float> param = input<float>(1, p.n, p.n).fill(reals("p"));
    Rows<float> g = input<float>(1, p.n, p.n).fill(reals("g")), y = output<float>(1, p.n, p.n);
    run_kernel(kernel, p,
               {.p = param.data(),
                .g = g.data(),
                .p_squares = p_squares.data(),
                .g_squares = g_squares.data(),
                .y = y.data()});
    EXPECT_TRUE(y.guards_intact());
    return y;
  };
  const auto wanted = values(lars_kernels(Backend::cpu).back());
  for_runnable<LarsProblem, LarsArgs>(lars_kernels, {"lars", p}, [&](const LarsKernel& kernel) {
    expect_equal(values(kernel), wanted);
  });
}

TEST(LarsValues, AZeroNormLeavesTheGradient) {
  for (double LarsData::*squares : {&LarsData::p_squares, &LarsData::g_squares}) {
    LarsData data;
    data.*squares = 0;
    data.run();
    expect_equal(data.y, data.g);
  }
}

}  // namespace
}  // namespace sf
