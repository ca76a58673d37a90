#include "kernels/batch_norm/batch_norm.h"

#include "kernels/batch_norm/cases.h"
#include "tests/kernels/kernel_test.h"

namespace sf {
namespace {

using namespace sf::test;

// Statistics of c channels; the variance is positive.
template <class T>
struct Statistics {
  Rows<T> gamma, beta, mean, variance;

  explicit Statistics(int c) : gamma(input<T>(1, c, c)), beta(gamma), mean(gamma), variance(gamma) {
    gamma.fill(reals("gamma"));
    beta.fill(reals("beta"));
    mean.fill(reals("mean"));
    variance.fill([value = reals("variance")](int64_t i) { return 1.0625 + value(i); });
  }
};

// Filled with values that V holds.
template <class T, class V = T>
struct Data {
  BatchNormProblem p;
  Rows<T> x, y;
  Statistics<Arithmetic<T>> s;

  explicit Data(BatchNormProblem problem)
      : p(problem),
        x(input<T>(p.pixels, p.c, p.x_pitch)),
        y(output<T>(p.pixels, p.c, p.y_pitch)),
        s(p.c) {
    p.dtype = dtype_of<T>;
    x.fill(reals<V>("x"));
  }

  void run(const BatchNormKernel& kernel, int poison = 0xFF) {
    y = output<T>(p.pixels, p.c, p.y_pitch);
    run_kernel(kernel, p, args(), poison);
  }
  BatchNormArgs args() {
    return {.x = x.data(),
            .gamma = s.gamma.data(),
            .beta = s.beta.data(),
            .mean = s.mean.data(),
            .variance = s.variance.data(),
            .y = y.data()};
  }
};

constexpr Table<BatchNormProblem, BatchNormArgs> kRows = batch_norm_kernels;

class BatchNorm : public ::testing::TestWithParam<Case<BatchNormProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, BatchNorm, ::testing::ValuesIn(batch_norm_cases()),
                         [](const auto& info) { return info.param.name; });

TEST_P(BatchNorm, EveryKernelStaysWithinTheRoundingBound) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<double, T> exact(GetParam().problem);
    exact.run(reference_of(kRows));
    const auto scale = [&](int64_t c) {
      return exact.s.gamma.at(0, c) / std::sqrt(exact.s.variance.at(0, c) + exact.p.epsilon);
    };
    Data<T> found(GetParam().problem);
    for_runnable(kRows, {GetParam().name, found.p}, [&](const BatchNormKernel& kernel) {
      found.run(kernel);
      EXPECT_TRUE(found.y.guards_intact());
      // Scale, shift, product and sum are each rounded once; mean, beta and product are the
      // magnitudes.
      expect_within(found.y, exact.y, [&](int64_t i, int64_t c) {
        const double product = std::abs(scale(c) * exact.x.at(i, c));
        const double shift =
            std::abs(exact.s.beta.at(0, c)) + std::abs(scale(c) * exact.s.mean.at(0, c));
        const double bound = 2 * kEps * (product + shift);
        return bound + rounding<T>(std::abs(exact.y.at(i, c)) + bound);
      });
    });
  });
}

TEST_P(BatchNorm, HalfTypesRoundTheSinglePrecisionResultOnce) {
  for_half_types([&](auto type) {
    using T = decltype(type);
    Data<T> half(GetParam().problem);
    Data<float, T> single(GetParam().problem);
    half.run(reference_of(kRows));
    single.run(reference_of(kRows));
    expect_rounded(half.y, single.y);
  });
}

TEST_P(BatchNorm, TheReferenceIsTheDefinition) {
  Data<double> data(GetParam().problem);
  data.run(reference_of(kRows));
  // Rounding of a few operations in double precision, on values of a few units.
  for (int64_t i = 0; i < data.p.pixels; ++i)
    for (int64_t c = 0; c < data.p.c; ++c) {
      const double wanted = (data.x.at(i, c) - data.s.mean.at(0, c)) /
                                std::sqrt(data.s.variance.at(0, c) + data.p.epsilon) *
                                data.s.gamma.at(0, c) +
                            data.s.beta.at(0, c);
      ASSERT_NEAR(data.y.at(i, c), wanted, 1e-14);
    }
}

TEST_P(BatchNorm, WhatTheWorkspaceHeldChangesNoBit) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    Data<T> nans(GetParam().problem), zeros(GetParam().problem);
    for_runnable(kRows, {GetParam().name, nans.p}, [&](const BatchNormKernel& kernel) {
      nans.run(kernel, 0xFF);
      zeros.run(kernel, 0);
      expect_equal(nans.y, zeros.y);
    });
  });
}

TEST_P(BatchNorm, TheOutputMayBeTheInput) {
  for_storage_types([&](auto type) {
    using T = decltype(type);
    BatchNormProblem p = GetParam().problem;
    p.dtype = dtype_of<T>;
    p.y_pitch = p.x_pitch;
    Data<T> apart(p), shared(p);
    for_runnable(kRows, {GetParam().name, p}, [&](const BatchNormKernel& kernel) {
      apart.run(kernel);
      shared.y = shared.x;
      BatchNormArgs args = shared.args();
      args.x = args.y;
      run_kernel(kernel, p, args);
      expect_equal(shared.y, apart.y);
    });
  });
}

template <class T>
struct Fold {
  FoldProblem p;
  Rows<T> w, bias, scaled, shifted;
  Statistics<T> s;

  explicit Fold(FoldProblem problem)
      : p(problem),
        w(input<T>(p.k, p.per_output, p.per_output)),
        bias(input<T>(1, p.k, p.k)),
        scaled(output<T>(p.k, p.per_output, p.per_output)),
        shifted(output<T>(1, p.k, p.k)),
        s(p.k) {
    p.dtype = dtype_of<T>;
    w.fill(reals("w"));
    // Of another magnitude than the mean, so that a difference in single precision would show.
    bias.fill([value = reals("bias")](int64_t i) { return float(37.3 * value(i)); });
  }

  void run(const FoldScaleKernel& kernel) {
    run_kernel(kernel, p,
               {.w = w.data(),
                .gamma = s.gamma.data(),
                .variance = s.variance.data(),
                .y = scaled.data()});
  }
  void run(const FoldBiasKernel& kernel, bool with_bias) {
    run_kernel(kernel, p,
               {.bias = with_bias ? bias.data() : nullptr,
                .gamma = s.gamma.data(),
                .beta = s.beta.data(),
                .mean = s.mean.data(),
                .variance = s.variance.data(),
                .y = shifted.data()});
  }
};

constexpr Table<FoldProblem, FoldScaleArgs> kScaleRows = fold_scale_kernels;
constexpr Table<FoldProblem, FoldBiasArgs> kBiasRows = fold_bias_kernels;

class FoldBatchNorm : public ::testing::TestWithParam<Case<FoldProblem>> {};
INSTANTIATE_TEST_SUITE_P(Cases, FoldBatchNorm, ::testing::ValuesIn(fold_cases()),
                         [](const auto& info) { return info.param.name; });

// With x = 1 everywhere, a convolution's output is the sum of its weights and its bias.
TEST_P(FoldBatchNorm, FoldedWeightsGiveTheNormalisedOutput) {
  for (const bool with_bias : {true, false}) {
    Fold<double> fold(GetParam().problem);
    fold.run(reference_of(kScaleRows));
    fold.run(reference_of(kBiasRows), with_bias);
    for (int64_t k = 0; k < fold.p.k; ++k) {
      double plain = with_bias ? fold.bias.at(0, k) : 0, folded = fold.shifted.at(0, k);
      for (int64_t i = 0; i < fold.p.per_output; ++i) {
        plain += fold.w.at(k, i);
        folded += fold.scaled.at(k, i);
      }
      const double deviation = std::sqrt(fold.s.variance.at(0, k) + fold.p.epsilon);
      const double wanted =
          (plain - fold.s.mean.at(0, k)) / deviation * fold.s.gamma.at(0, k) + fold.s.beta.at(0, k);
      // 144 terms of a few units in double precision.
      EXPECT_NEAR(folded, wanted, 1e-12);
    }
    EXPECT_TRUE(fold.scaled.guards_intact());
    EXPECT_TRUE(fold.shifted.guards_intact());
  }
}

TEST_P(FoldBatchNorm, SinglePrecisionIsRoundedOnceInEveryKernel) {
  Fold<float> single(GetParam().problem);
  Fold<double> exact(GetParam().problem);
  exact.run(reference_of(kScaleRows));
  Rows<float> wanted = single.scaled;
  wanted.fill(
      [&](int64_t i) { return exact.scaled.at(i / exact.p.per_output, i % exact.p.per_output); });
  for_runnable(kScaleRows, {GetParam().name, single.p}, [&](const FoldScaleKernel& kernel) {
    single.run(kernel);
    expect_equal(single.scaled, wanted);
    EXPECT_TRUE(single.scaled.guards_intact());
  });
  for (const bool with_bias : {true, false}) {
    exact.run(reference_of(kBiasRows), with_bias);
    Rows<float> bias = single.shifted;
    bias.fill([&](int64_t i) { return exact.shifted.at(0, i); });
    for_runnable(kBiasRows, {GetParam().name, single.p}, [&](const FoldBiasKernel& kernel) {
      single.run(kernel, with_bias);
      expect_equal(single.shifted, bias);
      EXPECT_TRUE(single.shifted.guards_intact());
    });
  }
}

}  // namespace
}  // namespace sf
