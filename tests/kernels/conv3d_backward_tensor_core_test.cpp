// Gradients of convolutions of what tensor cores multiply, on the executor: half types, and float32
// that may be rounded to TF32.
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr Table<Conv3dProblem, Conv3dBackwardDataArgs> kData = conv3d_backward_data_kernels;
constexpr Table<Conv3dProblem, Conv3dBackwardWeightArgs> kWeight = conv3d_backward_weight_kernels;

// The tensors of one problem as T, its gradients by weight and bias as B.
template <class T, class B>
struct Data {
  Conv3dProblem p;
  Rows<T> x, w, dy, dx;
  Rows<B> dw, dbias;

  explicit Data(Conv3dProblem problem)
      : p(problem),
        x(input<T>(pixels(), p.c, p.x_pitch)),
        w(input<T>(p.k, per_output(), per_output())),
        dy(input<T>(p.out_pixels(), p.k, p.y_pitch)),
        dx(output<T>(pixels(), p.c, p.x_pitch)),
        dw(output<B>(p.k, per_output(), per_output())),
        dbias(output<B>(1, p.k, p.k)) {
    p.dtype = dtype_of<T>;
    p.tf32 = std::is_same_v<T, float>;
  }

  int64_t pixels() const { return int64_t{p.n} * p.t * p.h * p.w; }
  int64_t taps() const { return int64_t{p.kt} * p.kh * p.kw; }
  int64_t per_output() const { return taps() * (p.c / p.groups); }

  template <class F>
  Data& fill(const F& make) {
    x.fill(make("x"));
    w.fill(make("w"));
    dy.fill(make("dy"));
    return *this;
  }
  // As the other has them, each through f.
  template <class Other, class F>
  Data& fill_from(const Other& other, const F& f) {
    const auto from = [&](const auto& rows) {
      return
          [&](int64_t i) { return f(double(rows.at(i / rows.channels(), i % rows.channels()))); };
    };
    x.fill(from(other.x));
    w.fill(from(other.w));
    dy.fill(from(other.dy));
    return *this;
  }
  void run(const Conv3dBackwardDataKernel& kernel) {
    dx = output<T>(pixels(), p.c, p.x_pitch);
    run_kernel(kernel, p, {.dy = dy.data(), .w = w.data(), .dx = dx.data()});
  }
  void run(const Conv3dBackwardWeightKernel& kernel) {
    dw = output<B>(p.k, per_output(), per_output());
    dbias = output<B>(1, p.k, p.k);
    run_kernel(kernel, p,
               {.x = x.data(),
                .dy = dy.data(),
                .dw = dw.data(),
                .dbias = p.bias ? dbias.data() : nullptr});
  }
};

template <class T>
using Found = Data<T, float>;
using Wanted = Data<double, double>;

template <class F>
void for_types(const F& f) {
  f(bf16{});
  f(f16{});
  f(float{});
}

class Conv3dBackwardTensorCore : public ::testing::TestWithParam<Case<Conv3dProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, Conv3dBackwardTensorCore, ::testing::ValuesIn(conv3d_cases()),
                         [](const auto& info) { return info.param.name; });

// Whole numbers up to 3 are exact in every type, in TF32 too, and so are their sums of products in
// float32.
TEST_P(Conv3dBackwardTensorCore, EveryKernelEqualsTheReferenceOnIntegersRoundedOnce) {
  const auto make = [](const char* key) { return integers(key, 3); };
  Wanted wanted(GetParam().problem);
  wanted.fill(make).run(reference_of(kData));
  wanted.run(reference_of(kWeight));
  for_types([&](auto type) {
    using T = decltype(type);
    Found<T> found(GetParam().problem);
    found.fill(make);
    Rows<T> rounded = found.dx;
    rounded.fill([&](int64_t i) { return wanted.dx.at(i / found.p.c, i % found.p.c); });
    for_runnable(kData, {GetParam().name, found.p}, [&](const Conv3dBackwardDataKernel& kernel) {
      found.run(kernel);
      expect_equal(found.dx, rounded);
      EXPECT_TRUE(found.dx.guards_intact());
    });
    for_runnable(kWeight, {GetParam().name, found.p},
                 [&](const Conv3dBackwardWeightKernel& kernel) {
                   found.run(kernel);
                   expect_equal(found.dw, wanted.dw);
                   expect_equal(found.dbias, wanted.dbias);
                   EXPECT_TRUE(found.dw.guards_intact());
                   EXPECT_TRUE(found.dbias.guards_intact());
                 });
  });
}

// A sum of m rounded products in any order is off by m eps/2 of the sum of magnitudes, to first
// order. Factors rounded to TF32 are off by 2^-11 each.
TEST_P(Conv3dBackwardTensorCore, EveryKernelStaysWithinTheRoundingBoundOnReals) {
  for_types([&](auto type) {
    using T = decltype(type);
    Found<T> found(GetParam().problem);
    Wanted wanted(GetParam().problem), magnitude(GetParam().problem);
    found.fill([](const char* key) { return reals(key); });
    wanted.fill_from(found, [](double value) { return value; }).run(reference_of(kData));
    wanted.run(reference_of(kWeight));
    magnitude.fill_from(found, [](double value) { return std::abs(value); })
        .run(reference_of(kData));
    magnitude.run(reference_of(kWeight));
    const auto relative = [](std::string_view kernel, double terms) {
      const bool tf32 = kernel.find("tf32") != std::string_view::npos;
      return (terms + 1) * kEps / 2 + (tf32 ? 0x1p-10 + 0x1p-22 : 0);
    };
    for (const auto& kernel : kData(Backend::simt)) {
      if (!kernel.can_run(found.p)) continue;
      SCOPED_TRACE(kernel.name);
      const double share =
          relative(kernel.name, double(found.taps()) * (found.p.k / found.p.groups));
      found.run(kernel);
      expect_within(found.dx, wanted.dx, [&](int64_t i, int64_t c) {
        const double bound = share * magnitude.dx.at(i, c);
        return bound + rounding<T>(std::abs(wanted.dx.at(i, c)) + bound);
      });
    }
    for (const auto& kernel : kWeight(Backend::simt)) {
      if (!kernel.can_run(found.p)) continue;
      SCOPED_TRACE(kernel.name);
      const double share = relative(kernel.name, double(found.p.out_pixels()));
      found.run(kernel);
      expect_within(found.dw, wanted.dw,
                    [&](int64_t i, int64_t c) { return share * magnitude.dw.at(i, c); });
    }
  });
}

TEST(Conv3dBackwardTable, Float32IsRoundedToTf32OnlyWhereTheProblemAllows) {
  Conv3dProblem p = dense({.t = 2, .h = 8, .w = 8, .c = 16, .k = 16});
  const auto selected = [&](bool tf32, std::string_view data, std::string_view weight) {
    p.tf32 = tf32;
    EXPECT_EQ(select(kData(Backend::simt), p)->name, data);
    EXPECT_EQ(select(kWeight(Backend::simt), p)->name, weight);
  };
  selected(true, "gemm_tf32_128x32", "gemm_tf32_64x64");
  selected(false, "gemm_f32_128x32", "gemm_f32_32x64");
}

}  // namespace
}  // namespace sf
