#include "kernels/pool3d/backward.h"
#include "kernels/pool3d/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

// Filled with values that V holds.
template <class T, class V = T>
struct Data {
  Pool3dBackwardProblem p;
  Rows<T> x, dy, dx;

  explicit Data(Pool3dProblem forward)
      : p{forward, forward.c + 2 * (forward.x_pitch - forward.c)},
        x(input<T>(pixels(), forward.c, forward.x_pitch)),
        dy(input<T>(out_pixels(), forward.c, forward.y_pitch)),
        dx(output<T>(pixels(), forward.c, p.dx_pitch)) {
    p.forward.dtype = dtype_of<T>;
    x.fill(integers("x", 2));  // full of equal values
    dy.fill(reals<V>("dy"));
  }

  int64_t pixels() const { return int64_t{p.forward.n} * p.forward.t * p.forward.h * p.forward.w; }
  int64_t out_pixels() const {
    return int64_t{p.forward.n} * p.forward.out_t() * p.forward.out_h() * p.forward.out_w();
  }
  void run(const Pool3dBackwardKernel& kernel, int poison = 0xFF) {
    dx = output<T>(pixels(), p.forward.c, p.dx_pitch);
    const bool max = p.forward.kind == PoolKind::max;
    run_kernel(kernel, p, {.x = max ? x.data() : nullptr, .dy = dy.data(), .dx = dx.data()},
               poison);
  }
};

constexpr Table<Pool3dBackwardProblem, Pool3dBackwardArgs> kRows = pool3d_backward_kernels;

Case<Pool3dBackwardProblem> named(const std::string& name, const Pool3dBackwardProblem& p) {
  return {name, p};
}

class Pool3dBackward : public ::testing::TestWithParam<Case<Pool3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Pool3dBackward, ::testing::ValuesIn(pool3d_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Pool3dBackward, EveryKernelEqualsTheReferenceBitForBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> data(GetParam().problem);
    data.run(reference_of(kRows));
    const Rows<T> wanted = data.dx;
    ASSERT_TRUE(wanted.guards_intact());
    for_runnable(kRows, named(GetParam().name, data.p), [&](const Pool3dBackwardKernel& kernel) {
      for (const int poison : {0xFF, 0}) {
        data.run(kernel, poison);
        expect_equal(data.dx, wanted);
        EXPECT_TRUE(data.dx.guards_intact());
      }
    });
  });
}

TEST_P(Pool3dBackward, HalfTypesRoundTheSinglePrecisionResultOnce) {
  for_half_types([&](auto type) {
    using T = decltype(type);
    Data<T> half(GetParam().problem);
    Data<float, T> single(GetParam().problem);
    half.run(reference_of(kRows));
    single.run(reference_of(kRows));
    expect_rounded(half.dx, single.dx);
  });
}

// The other way round: every window gives its gradient to the pixels that it sees, or to the first
// of the largest.
template <class T>
Rows<T> scattered(Data<T>& data) {
  const Pool3dProblem& p = data.p.forward;
  Rows<T> dx(data.pixels(), p.c, p.c, T(0));
  const int extent[3] = {p.t, p.h, p.w}, outs[3] = {p.out_t(), p.out_h(), p.out_w()};
  for (int64_t out = 0; out < data.out_pixels(); ++out) {
    const int64_t at[3] = {out / outs[2] / outs[1] % outs[0], out / outs[2] % outs[1],
                           out % outs[2]};
    std::vector<int64_t> seen;  // in the order T, H, W
    const int64_t taps = int64_t{p.window[0]} * p.window[1] * p.window[2];
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t offset[3] = {tap / p.window[2] / p.window[1], tap / p.window[2] % p.window[1],
                                 tap % p.window[2]};
      int64_t pixel = out / outs[2] / outs[1] / outs[0];
      bool inside = true;
      for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t i = at[axis] * p.stride[axis] - p.pad[axis] + offset[axis];
        inside = inside && i >= 0 && i < extent[axis];
        pixel = pixel * extent[axis] + i;
      }
      if (inside) seen.push_back(pixel);
    }
    for (int c = 0; c < p.c; ++c) {
      if (p.kind == PoolKind::average) {
        const auto divisor = T(p.count_include_pad ? taps : int64_t(seen.size()));
        for (const int64_t pixel : seen) dx.at(pixel, c) += data.dy.at(out, c) / divisor;
      } else {
        int64_t best = seen[0];
        for (const int64_t pixel : seen)
          if (data.x.at(pixel, c) > data.x.at(best, c)) best = pixel;
        dx.at(best, c) += data.dy.at(out, c);
      }
    }
  }
  return dx;
}

// In the order of the windows, so that the sums are the same bit for bit.
TEST_P(Pool3dBackward, TheReferenceEqualsScatteringTheGradients) {
  Data<double> data(GetParam().problem);
  data.run(reference_of(kRows));
  expect_equal(data.dx, scattered(data));
}

TEST(Pool3dBackwardValues, ANanTakesTheGradientOfItsWindows) {
  Data<float> data({.w = 4, .window = {1, 1, 2}, .stride = {1, 1, 1}});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float x[] = {5, nan, nan, 7};
  data.x.fill([&](int64_t i) { return x[i]; });
  data.dy.fill([](int64_t i) { return 1 << i; });
  for_runnable(kRows, named("nan", data.p), [&](const Pool3dBackwardKernel& kernel) {
    data.run(kernel);
    const float wanted[] = {0, 1, 6, 0};  // the last NaN of a window, as in PyTorch
    for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(data.dx.at(i, 0), wanted[i]);
  });
}

TEST(Pool3dBackwardValues, WindowsOfMinusInfinityChooseTheirFirstValue) {
  Data<float> data({.w = 4, .window = {1, 1, 3}, .stride = {1, 1, 2}, .pad = {0, 0, 1}});
  data.x.fill([](int64_t) { return -std::numeric_limits<double>::infinity(); });
  data.dy.fill([](int64_t i) { return 1 + i; });
  for_runnable(kRows, named("infinity", data.p), [&](const Pool3dBackwardKernel& kernel) {
    data.run(kernel);
    const float wanted[] = {1, 2, 0, 0};  // the padding is no value
    for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(data.dx.at(i, 0), wanted[i]);
  });
}

}  // namespace
}  // namespace sf
