#include "kernels/softmax/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

// Filled with values that V holds.
template <class T, class V = T>
struct Data {
  SoftmaxBackwardProblem p;
  Rows<T> x, y, dy, dx;

  explicit Data(SoftmaxBackwardProblem problem)
      : p(problem),
        x(input<T>(p.rows, p.cols, p.cols)),
        y(input<T>(p.rows, p.cols, p.y_pitch)),
        dy(input<T>(p.rows, p.cols, p.dy_pitch)),
        dx(output<T>(p.rows, p.cols, p.dx_pitch)) {
    p.dtype = dtype_of<T>;
    x.fill([value = reals("x")](int64_t i) { return held<V>(3 * value(i)); });
    y.fill(reals<V>("y"));
    dy.fill(reals<V>("dy"));
  }
  void forward() {
    const SoftmaxProblem forward{
        .dtype = p.dtype, .rows = p.rows, .cols = p.cols, .x_pitch = p.cols, .y_pitch = p.y_pitch};
    run_kernel(reference_of(softmax_kernels(Backend::cpu)), forward,
               {.x = x.data(), .y = y.data()});
  }
  void run(const SoftmaxBackwardKernel& kernel) {
    dx = output<T>(p.rows, p.cols, p.dx_pitch);
    run_kernel(kernel, p, {.y = y.data(), .dy = dy.data(), .dx = dx.data()});
  }
};

constexpr Table<SoftmaxBackwardProblem, SoftmaxBackwardArgs> kRows = softmax_backward_kernels;

class SoftmaxBackward : public ::testing::TestWithParam<Case<SoftmaxBackwardProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, SoftmaxBackward, ::testing::ValuesIn(softmax_backward_cases()),
                         [](const auto& info) { return info.param.name; });

// y need not be a softmax for that.
TEST_P(SoftmaxBackward, EveryKernelStaysWithinTheRoundingBound) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<double, T> exact(GetParam().problem);
    Data<T> found(GetParam().problem);
    exact.run(reference_of(kRows));
    for_runnable(kRows, {GetParam().name, found.p}, [&](const SoftmaxBackwardKernel& kernel) {
      found.run(kernel);
      EXPECT_TRUE(found.dx.guards_intact());
      expect_within(found.dx, exact.dx, [&](int64_t row, int64_t c) {
        // A sum of `cols` rounded products, a difference and a product.
        double magnitude = 0;
        for (int64_t i = 0; i < exact.p.cols; ++i)
          magnitude += std::abs(exact.y.at(row, i) * exact.dy.at(row, i));
        const double y = std::abs(exact.y.at(row, c)), dy = std::abs(exact.dy.at(row, c));
        const double bound = kEps * y * (dy + (exact.p.cols / 2.0 + 2) * magnitude);
        return bound + rounding<T>(std::abs(exact.dx.at(row, c)) + bound);
      });
    });
  });
}

TEST_P(SoftmaxBackward, IntegersAreExact) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> wanted(GetParam().problem), found(GetParam().problem);
    for (Data<T>* data : {&wanted, &found}) {
      data->y.fill(integers("y", 9));
      data->dy.fill(integers("dy", 9));
    }
    wanted.run(reference_of(kRows));
    for_runnable(kRows, {GetParam().name, found.p}, [&](const SoftmaxBackwardKernel& kernel) {
      found.run(kernel);
      expect_equal(found.dx, wanted.dx);
    });
  });
}

// Along a direction, d <y, dy> = <dx, direction>.
TEST_P(SoftmaxBackward, TheReferenceEqualsCentralDifferences) {
  Data<double> data(GetParam().problem);
  data.forward();
  data.run(reference_of(kRows));
  const auto direction = reals("direction");
  constexpr double kStep = 1e-5;
  const auto loss = [&](double step) {
    Data<double> moved(GetParam().problem);
    moved.x.fill([&](int64_t i) {
      return data.x.at(i / data.p.cols, i % data.p.cols) + step * direction(i);
    });
    moved.forward();
    double sum = 0;
    for (int64_t i = 0; i < data.p.rows * data.p.cols; ++i)
      sum += moved.y.at(i / data.p.cols, i % data.p.cols) *
             data.dy.at(i / data.p.cols, i % data.p.cols);
    return sum;
  };
  double wanted = 0;
  for (int64_t i = 0; i < data.p.rows * data.p.cols; ++i)
    wanted += data.dx.at(i / data.p.cols, i % data.p.cols) * direction(i);
  // Up to a hundred rows: step^2 times third derivatives below 1, rounding of the loss / step.
  EXPECT_NEAR((loss(kStep) - loss(-kStep)) / (2 * kStep), wanted, 1e-8);
}

TEST_P(SoftmaxBackward, TheOutputMayBeEitherInput) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    SoftmaxBackwardProblem p = GetParam().problem;
    p.dtype = dtype_of<T>;
    p.y_pitch = p.dy_pitch = p.dx_pitch;
    Data<T> data(p);
    for_runnable(kRows, {GetParam().name, p}, [&](const SoftmaxBackwardKernel& kernel) {
      data.run(kernel);
      Rows<T> in_y = data.y, in_dy = data.dy;
      run_kernel(kernel, data.p, {.y = in_y.data(), .dy = data.dy.data(), .dx = in_y.data()});
      run_kernel(kernel, data.p, {.y = data.y.data(), .dy = in_dy.data(), .dx = in_dy.data()});
      expect_equal(in_y, data.dx);
      expect_equal(in_dy, data.dx);
    });
  });
}

}  // namespace
}  // namespace sf
