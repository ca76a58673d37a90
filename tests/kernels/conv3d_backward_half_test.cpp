// Gradients of convolutions of half types on the executor.
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<Conv3dProblem, Conv3dBackwardDataArgs> kData = conv3d_backward_data_kernels;
constexpr Table<Conv3dProblem, Conv3dBackwardWeightArgs> kWeight = conv3d_backward_weight_kernels;

// The tensors of one problem as T, its gradients by weight and bias as float32.
template <class T>
struct Data {
  Conv3dProblem p;
  Rows<T> x, w, dy, dx;
  Rows<float> dw, dbias;

  explicit Data(Conv3dProblem problem)
      : p(problem),
        x(input<T>(pixels(), p.c, p.x_pitch)),
        w(input<T>(p.k, per_output(), per_output())),
        dy(input<T>(p.out_pixels(), p.k, p.y_pitch)),
        dx(output<T>(pixels(), p.c, p.x_pitch)),
        dw(output<float>(p.k, per_output(), per_output())),
        dbias(output<float>(1, p.k, p.k)) {
    p.dtype = dtype_of<T>;
    x.fill(integers("x", 3));
    w.fill(integers("w", 3));
    dy.fill(integers("dy", 3));
  }

  int64_t pixels() const { return int64_t{p.n} * p.t * p.h * p.w; }
  int64_t per_output() const { return int64_t{p.kt} * p.kh * p.kw * (p.c / p.groups); }

  void run(const Conv3dBackwardDataKernel& kernel) {
    dx = output<T>(pixels(), p.c, p.x_pitch);
    run_kernel(kernel, p, {.dy = dy.data(), .w = w.data(), .dx = dx.data()});
  }
  void run(const Conv3dBackwardWeightKernel& kernel) {
    dw = output<float>(p.k, per_output(), per_output());
    dbias = output<float>(1, p.k, p.k);
    run_kernel(kernel, p,
               {.x = x.data(),
                .dy = dy.data(),
                .dw = dw.data(),
                .dbias = p.bias ? dbias.data() : nullptr});
  }
};

class Conv3dBackwardHalf : public ::testing::TestWithParam<Case<Conv3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Conv3dBackwardHalf, ::testing::ValuesIn(conv3d_cases()),
                         [](const auto& info) { return info.param.name; });

// Whole numbers up to 3 are exact in both types, their sums of products in float32.
template <class T>
void expect_sums_rounded_once(const Case<Conv3dProblem>& c) {
  Data<float> wanted(c.problem);
  Data<T> found(c.problem);
  wanted.run(reference_of(kData));
  Rows<T> rounded = found.dx;
  rounded.fill([&](int64_t i) { return wanted.dx.at(i / found.p.c, i % found.p.c); });
  for_runnable(kData, {c.name, found.p}, [&](const Conv3dBackwardDataKernel& kernel) {
    found.run(kernel);
    expect_equal(found.dx, rounded);
    EXPECT_TRUE(found.dx.guards_intact());
  });
}

template <class T>
void expect_single_sums(const Case<Conv3dProblem>& c) {
  Data<float> wanted(c.problem);
  Data<T> found(c.problem);
  wanted.run(reference_of(kWeight));
  for_runnable(kWeight, {c.name, found.p}, [&](const Conv3dBackwardWeightKernel& kernel) {
    found.run(kernel);
    expect_equal(found.dw, wanted.dw);
    expect_equal(found.dbias, wanted.dbias);
    EXPECT_TRUE(found.dw.guards_intact());
    EXPECT_TRUE(found.dbias.guards_intact());
  });
}

TEST_P(Conv3dBackwardHalf, EveryDataKernelRoundsTheSumOfIntegersOnce) {
  expect_sums_rounded_once<bf16>(GetParam());
  expect_sums_rounded_once<f16>(GetParam());
}

TEST_P(Conv3dBackwardHalf, EveryWeightKernelEqualsTheReferenceInSinglePrecision) {
  expect_single_sums<bf16>(GetParam());
  expect_single_sums<f16>(GetParam());
}

}  // namespace
}  // namespace sf
