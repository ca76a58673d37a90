// Convolution of half types on the executor.
#include "kernels/conv3d/cases.h"
#include "kernels/conv3d/conv3d.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<Conv3dProblem, Conv3dArgs> kRows = conv3d_kernels;

// Of one problem: x, w, residual and y as T, the bias as B.
template <class T, class B>
struct Data {
  Conv3dProblem p;
  Rows<T> x, w;
  Rows<B> bias;
  Rows<T> residual, y;

  explicit Data(Conv3dProblem problem)
      : p(problem),
        x(input<T>(int64_t{p.n} * p.t * p.h * p.w, p.c, p.x_pitch)),
        w(input<T>(p.k, taps(), taps())),
        bias(input<B>(1, p.k, p.k)),
        residual(input<T>(p.out_pixels(), p.k, p.residual_pitch)),
        y(output<T>(p.out_pixels(), p.k, p.y_pitch)) {
    p.dtype = dtype_of<T>;
  }

  int64_t taps() const { return int64_t{p.kt} * p.kh * p.kw * (p.c / p.groups); }

  void run(const Conv3dKernel& kernel) {
    y = output<T>(p.out_pixels(), p.k, p.y_pitch);
    run_kernel(kernel, p,
               {.x = x.data(),
                .w = w.data(),
                .bias = p.bias ? bias.data() : nullptr,
                .residual = p.residual ? residual.data() : nullptr,
                .y = y.data()});
  }
};

class Conv3dHalf : public ::testing::TestWithParam<Case<Conv3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Conv3dHalf, ::testing::ValuesIn(conv3d_cases()),
                         [](const auto& info) { return info.param.name; });

// Whole numbers up to 3 are exact in both types, their sums of products in float32.
template <class T>
void expect_sums_rounded_once(const Case<Conv3dProblem>& c) {
  Data<float, float> wanted(c.problem);
  Data<T, float> found(c.problem);
  const auto fill = [](auto& data) {
    data.x.fill(integers("x", 3));
    data.w.fill(integers("w", 3));
    data.bias.fill(integers("bias", 3));
    data.residual.fill(integers("residual", 3));
  };
  fill(wanted);
  fill(found);
  wanted.run(reference_of(kRows));
  Rows<T> rounded = found.y;
  rounded.fill([&](int64_t i) { return wanted.y.at(i / found.p.k, i % found.p.k); });
  for_runnable(kRows, {c.name, found.p}, [&](const Conv3dKernel& kernel) {
    if (!kernel.exact) return;
    found.run(kernel);
    expect_equal(found.y, rounded);
    EXPECT_TRUE(found.y.guards_intact());
  });
}

TEST_P(Conv3dHalf, EveryExactKernelRoundsTheSumOfIntegersOnce) {
  expect_sums_rounded_once<bf16>(GetParam());
  expect_sums_rounded_once<f16>(GetParam());
}

}  // namespace
}  // namespace sf
