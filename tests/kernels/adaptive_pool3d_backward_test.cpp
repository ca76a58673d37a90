#include "kernels/adaptive_pool3d/backward.h"
#include "kernels/adaptive_pool3d/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

// Filled with values that V holds.
template <class T, class V = T>
struct Data {
  AdaptivePool3dProblem p;
  Rows<T> x, y, dy, dx;

  explicit Data(AdaptivePool3dProblem problem)
      : p(problem),
        x(input<T>(pixels(), p.c, p.x_pitch)),
        y(output<T>(out_pixels(), p.c, p.y_pitch)),
        dy(input<T>(out_pixels(), p.c, p.y_pitch)),
        dx(output<T>(pixels(), p.c, p.x_pitch)) {
    p.dtype = dtype_of<T>;
    x.fill(reals<V>("x"));
    dy.fill(reals<V>("dy"));
  }

  int64_t pixels() const { return int64_t{p.n} * p.t * p.h * p.w; }
  int64_t out_pixels() const { return int64_t{p.n} * p.out_t * p.out_h * p.out_w; }
  void run(const AdaptivePool3dBackwardKernel& kernel) {
    dx = output<T>(pixels(), p.c, p.x_pitch);
    run_kernel(kernel, p, {.dy = dy.data(), .dx = dx.data()});
  }
};

constexpr Table<AdaptivePool3dProblem, AdaptivePool3dArgs> kForward = adaptive_pool3d_kernels;
constexpr Table<AdaptivePool3dProblem, AdaptivePool3dBackwardArgs> kRows =
    adaptive_pool3d_backward_kernels;

class AdaptivePool3dBackward : public ::testing::TestWithParam<Case<AdaptivePool3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, AdaptivePool3dBackward,
                         ::testing::ValuesIn(adaptive_pool3d_cases()),
                         [](const auto& info) { return info.param.name; });

// Sums are taken in the same order.
TEST_P(AdaptivePool3dBackward, EveryKernelEqualsTheReferenceBitForBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.dx;
    ASSERT_TRUE(wanted.guards_intact());
    for_runnable(kRows, {GetParam().name, data.p}, [&](const AdaptivePool3dBackwardKernel& kernel) {
      data.run(kernel);
      expect_equal(data.dx, wanted);
      EXPECT_TRUE(data.dx.guards_intact());
    });
  });
}

TEST_P(AdaptivePool3dBackward, HalfTypesRoundTheSinglePrecisionResultOnce) {
  for_half_types([&](auto type) {
    using T = decltype(type);
    Data<T> half(GetParam().problem);
    Data<float, T> single(GetParam().problem);
    half.run(reference_of(kRows));
    single.run(reference_of(kRows));
    expect_rounded(half.dx, single.dx);
  });
}

// <pool(x), dy> is linear in x, and dx is what x is multiplied with.
TEST_P(AdaptivePool3dBackward, TheGradientIsTheAdjointOfTheForwardKernel) {
  Data<double> data(GetParam().problem);
  data.run(reference_of(kRows));
  for (const char* key : {"x", "another x"}) {
    data.x.fill(reals(key));
    run_kernel(reference_of(kForward), data.p, {.x = data.x.data(), .y = data.y.data()});
    double forward = 0, backward = 0;
    for (int64_t i = 0; i < data.y.rows(); ++i)
      for (int c = 0; c < data.p.c; ++c) forward += data.y.at(i, c) * data.dy.at(i, c);
    for (int64_t i = 0; i < data.x.rows(); ++i)
      for (int c = 0; c < data.p.c; ++c) backward += data.x.at(i, c) * data.dx.at(i, c);
    // Some ten thousand terms below 1 in double precision.
    EXPECT_NEAR(forward, backward, 1e-11);
  }
}

}  // namespace
}  // namespace sf
