// One batch normalisation in training: its tensors and a function for each step.
#pragma once

#include "kernels/batch_norm/cases.h"
#include "kernels/batch_norm/training.h"
#include "tests/kernels/kernel_test.h"

namespace sf::test {

template <class Args>
using BatchNormTable = Table<BatchNormTrainingProblem, Args>;
inline constexpr BatchNormTable<BatchNormSumsArgs> kSums = batch_norm_sums_kernels;
inline constexpr BatchNormTable<BatchNormMomentsArgs> kMoments = batch_norm_moments_kernels;
inline constexpr BatchNormTable<BatchNormApplyArgs> kApply = batch_norm_apply_kernels;
inline constexpr BatchNormTable<BatchNormBackwardSumsArgs> kBackwardSums =
    batch_norm_backward_sums_kernels;
inline constexpr BatchNormTable<BatchNormBackwardParametersArgs> kBackwardParameters =
    batch_norm_backward_parameters_kernels;
inline constexpr BatchNormTable<BatchNormBackwardApplyArgs> kBackwardApply =
    batch_norm_backward_apply_kernels;
inline constexpr double kDoubleEps = std::numeric_limits<double>::epsilon();
// Of the sum of the terms' magnitudes: what a strip's sum in single precision is off by. A term is
// rounded twice or three times, its thread's sum 21 times at most, the sum over threads eight
// times.
inline constexpr double kStripEps = 16 * kEps;

// The tensors of one problem, filled with values that V holds; each function runs one step with one
// kernel.
template <class T, class V = T>
struct BatchNormTrainingData {
  BatchNormTrainingProblem p;
  using Parameters = Rows<Arithmetic<T>>;
  Rows<T> x, residual, dy, y, dresidual, dx;
  Parameters gamma, beta, running_mean, running_variance, dgamma, dbeta;
  Rows<double> sums, mean, inverse_std, backward_sums, count, backward_count;

  explicit BatchNormTrainingData(BatchNormTrainingProblem problem)
      : p(problem),
        x(input<T>(p.pixels(), p.c, p.x_pitch)),
        residual(input<T>(p.pixels(), p.c, p.residual_pitch)),
        dy(input<T>(p.pixels(), p.c, p.dy_pitch)),
        y(output<T>(p.pixels(), p.c, p.y_pitch)),
        dresidual(output<T>(p.pixels(), p.c, p.residual_pitch)),
        dx(output<T>(p.pixels(), p.c, p.dx_pitch)),
        gamma(input<Arithmetic<T>>(1, p.c, p.c)),
        beta(gamma),
        running_mean(input<Arithmetic<T>>(p.splits, p.c, p.c)),
        running_variance(running_mean),
        dgamma(output<Arithmetic<T>>(1, p.c, p.c)),
        dbeta(dgamma),
        sums(output<double>(2 * p.splits, p.c, p.c)),
        mean(output<double>(p.splits, p.c, p.c)),
        inverse_std(mean),
        backward_sums(sums),
        count(output<double>(1, 1, 1)),
        backward_count(count) {
    p.dtype = dtype_of<T>;
    x.fill(reals<V>("x"));
    gamma.fill(reals("gamma"));
    beta.fill(reals("beta"));
    residual.fill(reals<V>("residual"));
    dy.fill(reals<V>("dy"));
    running_mean.fill(reals("running_mean"));
    running_variance.fill([value = reals("running_variance")](int64_t i) { return 2 + value(i); });
  }

  bool relu() const { return p.activation == Activation::relu; }

  void run(const BatchNormSumsKernel& kernel, int poison = 0xFF) {
    run_kernel(kernel, p, {.x = x.data(), .sums = sums.data(), .count = count.data()}, poison);
  }
  void run(const BatchNormMomentsKernel& kernel, bool of_batch = true) {
    run_kernel(kernel, p,
               {.sums = of_batch ? sums.data() : nullptr,
                .count = count.data(),
                .running_mean = running_mean.data(),
                .running_variance = running_variance.data(),
                .mean = mean.data(),
                .inverse_std = inverse_std.data()});
  }
  BatchNormApplyArgs apply_args() {
    return {.x = x.data(),
            .mean = mean.data(),
            .inverse_std = inverse_std.data(),
            .gamma = gamma.data(),
            .beta = beta.data(),
            .residual = p.residual ? residual.data() : nullptr,
            .y = y.data()};
  }
  void run(const BatchNormApplyKernel& kernel, int poison = 0xFF) {
    run_kernel(kernel, p, apply_args(), poison);
  }
  BatchNormTrainingData& forward() {
    run(reference_of(kSums));
    run(reference_of(kMoments));
    run(reference_of(kApply));
    return *this;
  }

  BatchNormBackwardSumsArgs backward_sums_args() {
    return {.x = x.data(),
            .y = relu() ? y.data() : nullptr,
            .dy = dy.data(),
            .mean = mean.data(),
            .sums = backward_sums.data(),
            .count = backward_count.data(),
            .dresidual = p.residual ? dresidual.data() : nullptr};
  }
  void run(const BatchNormBackwardSumsKernel& kernel, int poison = 0xFF) {
    run_kernel(kernel, p, backward_sums_args(), poison);
  }
  void run(const BatchNormBackwardParametersKernel& kernel) {
    run_kernel(kernel, p,
               {.sums = backward_sums.data(),
                .inverse_std = inverse_std.data(),
                .dgamma = dgamma.data(),
                .dbeta = dbeta.data()});
  }
  BatchNormBackwardApplyArgs backward_apply_args() {
    return {.x = x.data(),
            .y = relu() ? y.data() : nullptr,
            .dy = dy.data(),
            .mean = mean.data(),
            .inverse_std = inverse_std.data(),
            .gamma = gamma.data(),
            .sums = backward_sums.data(),
            .count = backward_count.data(),
            .dx = dx.data()};
  }
  void run(const BatchNormBackwardApplyKernel& kernel, int poison = 0xFF) {
    run_kernel(kernel, p, backward_apply_args(), poison);
  }
  BatchNormTrainingData& backward() {
    run(reference_of(kBackwardSums));
    run(reference_of(kBackwardParameters));
    run(reference_of(kBackwardApply));
    return *this;
  }

  // Moment of channel c in the split of a pixel.
  int64_t split_of(int64_t pixel) const { return pixel / p.sample_pixels % p.splits; }
  double mean_of(int64_t pixel, int64_t c) const { return mean.at(split_of(pixel), c); }
  double scale_of(int64_t pixel, int64_t c) const {
    return double(gamma.at(0, c)) * inverse_std.at(split_of(pixel), c);
  }
};

}  // namespace sf::test
