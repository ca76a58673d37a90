// Convolution of half types, and of float32 with factors rounded to TF32.
#include "kernels/conv3d/cases.h"
#include "kernels/conv3d/conv3d.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<Conv3dProblem, Conv3dArgs> kRows = conv3d_kernels;

// Of one problem: x, w, residual and y as T, the bias in the type that T is computed in.
template <class T>
struct Data {
  using Bias = std::conditional_t<std::is_same_v<T, double>, double, float>;
  Conv3dProblem p;
  Rows<T> x, w;
  Rows<Bias> bias;
  Rows<T> residual, y;

  explicit Data(Conv3dProblem problem)
      : p(problem),
        x(input<T>(int64_t{p.n} * p.t * p.h * p.w, p.c, p.x_pitch)),
        w(input<T>(p.k, taps(), taps())),
        bias(input<Bias>(1, p.k, p.k)),
        residual(input<T>(p.out_pixels(), p.k, p.residual_pitch)),
        y(output<T>(p.out_pixels(), p.k, p.y_pitch)) {
    p.dtype = dtype_of<T>;
    p.tf32 = dtype_of<T> == DType::f32;
  }

  int64_t taps() const { return int64_t{p.kt} * p.kh * p.kw * (p.c / p.groups); }

  template <class F>
  void fill(const F& make) {
    x.fill(make("x"));
    w.fill(make("w"));
    bias.fill(make("bias"));
    residual.fill(make("residual"));
  }
  // What `other` holds, through f.
  template <class U, class F>
  void fill_from(const Data<U>& other, const F& f) {
    const auto copy = [&](auto& to, const auto& from) {
      to.fill(
          [&](int64_t i) { return f(double(from.at(i / from.channels(), i % from.channels()))); });
    };
    copy(x, other.x);
    copy(w, other.w);
    copy(bias, other.bias);
    copy(residual, other.residual);
  }
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

template <class F>
void for_types(const F& f) {
  f(bf16{});
  f(f16{});
  f(float{});
}

class Conv3dTensorCore : public ::testing::TestWithParam<Case<Conv3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Conv3dTensorCore, ::testing::ValuesIn(conv3d_cases()),
                         [](const auto& info) { return info.param.name; });

// Whole numbers up to 3 are exact in every type, in TF32 too, and so are their sums of products in
// float32.
TEST_P(Conv3dTensorCore, EveryKernelRoundsTheSumOfIntegersOnce) {
  for_types([&](auto type) {
    using T = decltype(type);
    Data<double> wanted(GetParam().problem);
    Data<T> found(GetParam().problem);
    const auto make = [](const char* key) { return integers(key, 3); };
    wanted.fill(make);
    found.fill(make);
    wanted.run(reference_of(kRows));
    Rows<T> rounded = found.y;
    rounded.fill([&](int64_t i) { return wanted.y.at(i / found.p.k, i % found.p.k); });
    for_runnable(kRows, {GetParam().name, found.p}, [&](const Conv3dKernel& kernel) {
      found.run(kernel);
      expect_equal(found.y, rounded);
      EXPECT_TRUE(found.y.guards_intact());
    });
  });
}

// A sum of m terms in any order is off by m eps/2 of the sum of magnitudes, to first order; m: the
// products, each itself rounded, bias and residual. Factors rounded to TF32 are off by 2^-11 each.
TEST_P(Conv3dTensorCore, EveryKernelStaysWithinTheRoundingBoundOnReals) {
  for_types([&](auto type) {
    using T = decltype(type);
    Data<T> found(GetParam().problem);
    Data<double> wanted(GetParam().problem), magnitude(GetParam().problem);
    found.fill([](const char* key) { return reals(key); });
    wanted.fill_from(found, [](double value) { return value; });
    magnitude.fill_from(found, [](double value) { return std::abs(value); });
    magnitude.p.activation = Activation::none;
    wanted.run(reference_of(kRows));
    magnitude.run(reference_of(kRows));
    const double sums = (double(found.taps()) + 3) * kEps / 2;
    for (const auto& kernel : kRows(Backend::simt)) {
      if (!kernel.can_run(found.p)) continue;
      SCOPED_TRACE(kernel.name);
      const bool tf32 = kernel.name.find("tf32") != std::string_view::npos;
      const double relative = sums + (tf32 ? 0x1p-10 + 0x1p-22 : 0);
      found.run(kernel);
      expect_within(found.y, wanted.y, [&](int64_t i, int64_t c) {
        const double bound = relative * magnitude.y.at(i, c);
        return bound + rounding<T>(std::abs(wanted.y.at(i, c)) + bound);
      });
    }
  });
}

TEST(Conv3dTable, Float32IsRoundedToTf32OnlyWhereTheProblemAllows) {
  Conv3dProblem p = dense({.t = 2, .h = 8, .w = 8, .c = 16, .k = 16});
  for (const auto& kernel : kRows(Backend::simt))
    if (kernel.name.find("tf32") != std::string_view::npos) {
      p.tf32 = false;
      EXPECT_FALSE(kernel.can_run(p)) << kernel.name;
      p.tf32 = true;
      EXPECT_TRUE(kernel.can_run(p)) << kernel.name;
    }
  EXPECT_EQ(select(kRows(Backend::simt), p)->name, "gemm_tf32");
  p.tf32 = false;
  EXPECT_EQ(select(kRows(Backend::simt), p)->name, "gemm_f32");
}

// A view of a concatenation may begin anywhere.
TEST(Conv3dTable, AnInputOffTheAlignmentOfVectorsIsTaken) {
  Case<Conv3dProblem> c = conv3d_cases()[5];
  c.problem.x_pitch = 24;
  Data<bf16> wanted(c.problem), found(c.problem);
  const auto make = [](const char* key) { return integers(key, 3); };
  wanted.fill(make);
  found.fill(make);
  wanted.run(kRows(Backend::simt).back());
  Rows<bf16> x = found.x;
  bf16* moved = x.data() + 3;  // within the margin
  std::copy(found.x.data(), found.x.data() + found.x.rows() * 24, moved);
  for (const auto& kernel : kRows(Backend::simt)) {
    if (!kernel.can_run(found.p)) continue;
    SCOPED_TRACE(kernel.name);
    run_kernel(kernel, found.p,
               {.x = moved, .w = found.w.data(), .bias = found.bias.data(), .y = found.y.data()});
    expect_equal(found.y, wanted.y);
  }
}

}  // namespace
}  // namespace sf
