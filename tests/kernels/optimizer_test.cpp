#include "kernels/optimizer/optimizer.h"

#include "kernels/optimizer/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

// Parameters and what their optimiser remembers; before the first step that is NaN for SGD, which
// must not read it, and 0 for Adam. Arrays begin `offset` values behind an aligned address.
template <class T>
struct Parameters {
  ArraySizes sizes;
  int offset;
  Visible<double> learning_rate = 0.1, factor = 1.0;
  Visible<int64_t> step = 0;
  std::vector<Rows<T>> g, p, buffer, mean, square;

  explicit Parameters(const ArraySizes& all, int offset = 0) : sizes(all), offset(offset) {
    for (int i = 0; i < sizes.count; ++i) {
      const int n = sizes.n[size_t(i)] + offset;
      for (auto* rows : {&g, &p, &buffer, &mean, &square}) rows->push_back(input<T>(1, n, n));
      p.back().fill([value = reals("p"), i](int64_t j) { return value(j + i * 100000); });
      for (auto* rows : {&mean, &square}) rows->back().fill([](int64_t) { return 0; });
    }
  }
  // Gradients of their own for every step.
  void next() {
    ++step;
    for (size_t i = 0; i < g.size(); ++i)
      g[i].fill([value = reals("g"), shift = (int64_t(i) * 8 + step) * 100000](int64_t j) {
        return value(j + shift);
      });
  }
  StepArgs step_args() { return {learning_rate.data(), step.data(), factor.data()}; }
  void run(const SgdKernel& kernel, SgdProblem problem) {
    problem.dtype = dtype_of<T>;
    problem.sizes = sizes;
    SgdArgs args{.step = step_args(), .g = list<const void>(g), .p = list<void>(p)};
    if (problem.rule.momentum != 0) args.buffer = list<void>(buffer);
    run_kernel(kernel, problem, args);
  }
  void run(const AdamKernel& kernel, AdamProblem problem) {
    problem.dtype = dtype_of<T>;
    problem.sizes = sizes;
    run_kernel(kernel, problem,
               AdamArgs{.step = step_args(),
                        .g = list<const void>(g),
                        .p = list<void>(p),
                        .mean = list<void>(mean),
                        .square = list<void>(square)});
  }

  template <class Void>
  ArrayList<Void> list(std::vector<Rows<T>>& rows) const {
    ArrayList<Void> addresses{};
    for (size_t i = 0; i < rows.size(); ++i) addresses[i] = rows[i].data() + offset;
    return addresses;
  }
};

template <class T>
void expect_equal_states(const Parameters<T>& found, const Parameters<T>& wanted) {
  for (const auto rows :
       {&Parameters<T>::p, &Parameters<T>::buffer, &Parameters<T>::mean, &Parameters<T>::square})
    for (size_t i = 0; i < found.p.size(); ++i) {
      SCOPED_TRACE(cat("array ", i));
      expect_equal((found.*rows)[i], (wanted.*rows)[i]);
      EXPECT_TRUE((found.*rows)[i].guards_intact());
    }
}

template <class Problem, class Args>
void expect_every_row_equals_the_reference(Table<Problem, Args> table, const Case<Problem>& c) {
  for (const int offset : {0, 1})  // whole vectors, and single values
    for_runnable(table, c, [&](const auto& kernel) {
      Parameters<float> found(c.problem.sizes, offset), wanted(c.problem.sizes, offset);
      for (int i = 0; i < 3; ++i) {
        found.factor = wanted.factor = 0.7;
        found.next();
        wanted.next();
        found.run(kernel, c.problem);
        wanted.run(reference_of(table), c.problem);
        expect_equal_states(found, wanted);
      }
      for (const auto& p : found.p)
        for (int64_t i = 0; i < p.channels(); ++i) ASSERT_TRUE(std::isfinite(p.at(0, i)));
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
  Parameters<double> data({4});
  data.p[0].fill([](int64_t i) { return std::array{1.0, -2.0, 0.5, 3.0}[size_t(i)]; });
  for (int step = 0; step < 3; ++step) {
    data.next();
    data.g[0].fill([&](int64_t i) {
      return std::array{0.5, -1.0, 0.25, 2.0}[size_t(i)] * (step + 1) -
             std::array{0.0, 1.0, -0.5, 3.0}[size_t(i)] * step;
    });
    data.run(reference_of(table), problem);
  }
  for (int64_t i = 0; i < 4; ++i) EXPECT_NEAR(data.p[0].at(0, i), wanted[size_t(i)], 1e-14) << i;
}

TEST(SgdValues, ThreeStepsGivePyTorchsNumbers) {
  const auto table = sgd_kernels(Backend::cpu);
  expect_pytorch(table, SgdProblem{}, {0.7, -1.1, 0.2, 2.7});
  expect_pytorch(table, SgdProblem{.rule = {.weight_decay = 0.01}},
                 {0.697202949, -1.094505898, 0.1986514745, 2.691508797});
  expect_pytorch(table, SgdProblem{.rule = {.momentum = 0.9, .weight_decay = 0.01}},
                 {0.519184749, -0.648469498, 0.0646423745, 2.252044197});
  expect_pytorch(table,
                 SgdProblem{.rule = {.momentum = 0.9, .dampening = 0.5, .weight_decay = 0.01}},
                 {0.69046213725, -1.1859492745, 0.247743568625, 2.35093139925});
  expect_pytorch(table,
                 SgdProblem{.rule = {.momentum = 0.9, .weight_decay = 0.01, .nesterov = true}},
                 {0.264890458191, 0.120858083618, -0.1928742709045, 2.019513931623});
}

TEST(AdamValues, ThreeStepsGivePyTorchsNumbers) {
  const auto table = adam_kernels(Backend::cpu);
  expect_pytorch(table, AdamProblem{.rule = {.weight_decay = 0.01}},
                 {0.707453279269014, -1.7160405112927, 0.221549751199965, 2.73358699216668});
  expect_pytorch(table, AdamProblem{.rule = {.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3}},
                 {0.70479370456777, -1.71189727625495, 0.217156605892578, 2.74067391700401});
  expect_pytorch(table, AdamProblem{.rule = {.weight_decay = 0.05, .decoupled = true}},
                 {0.694236645102223, -1.68792328376951, 0.215807542788294, 2.69141249632352});
}

TEST(SgdValues, TheFactorScalesTheGradientAlone) {
  const SgdKernel& kernel = sgd_kernels(Backend::cpu)[0];
  const SgdProblem problem{.sizes = {37}, .rule = {.momentum = 0.9, .weight_decay = 0.01}};
  Parameters<float> scaled(problem.sizes), plain(problem.sizes);
  scaled.next();
  plain.next();
  scaled.factor = 0.25;
  plain.g[0].fill([&](int64_t i) { return 0.25 * double(scaled.g[0].at(0, i)); });
  scaled.run(kernel, problem);
  plain.run(kernel, problem);
  expect_equal(scaled.p[0], plain.p[0]);
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
