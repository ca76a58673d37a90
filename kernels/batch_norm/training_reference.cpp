// The definition, channel by channel, f32 and f64.
#include <algorithm>
#include <cmath>

#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/batch_norm/training.h"
#include "kernels/batch_norm/training_affine.h"

namespace sf {
namespace {

using Problem = BatchNormTrainingProblem;

// f(pixel) for the pixels of a split, in order.
template <class F>
void for_pixels(const Problem& p, int64_t split, const F& f) {
  for (int64_t sample = split; sample < p.samples; sample += p.splits)
    for (int64_t i = 0; i < p.sample_pixels; ++i) f(sample * p.sample_pixels + i);
}

// f(split, channel, index of the moment), on all threads.
template <class F>
void for_moments(const Problem& p, const F& f) {
  parallel_for(int64_t{p.splits} * p.c, 1, [&](int64_t i) { f(i / p.c, i % p.c, i); });
}

// dy where the activation passed it; keeps the gradient of a NaN.
template <class T>
T gradient_at(const Problem& p, const void* y, const void* dy, int64_t pixel, int64_t c) {
  const bool stopped =
      p.activation == Activation::relu && static_cast<const T*>(y)[pixel * p.y_pitch + c] <= 0;
  return stopped ? T(0) : static_cast<const T*>(dy)[pixel * p.dy_pitch + c];
}

template <class T>
void sums(const Problem& p, const BatchNormSumsArgs& a) {
  *a.count = double(p.count());
  for_moments(p, [&](int64_t split, int64_t c, int64_t moment) {
    double sum = 0, square = 0;
    for_pixels(p, split, [&](int64_t pixel) {
      const auto x = double(static_cast<const T*>(a.x)[pixel * p.x_pitch + c]);
      sum += x;
      square += x * x;
    });
    a.sums[moment] = sum;
    a.sums[int64_t{p.splits} * p.c + moment] = square;
  });
}

template <class T>
void moments(const Problem& p, const BatchNormMomentsArgs& a) {
  const int64_t values = int64_t{p.splits} * p.c;
  auto* running_mean = static_cast<T*>(a.running_mean);
  auto* running_variance = static_cast<T*>(a.running_variance);
  for (int64_t i = 0; i < values; ++i) {
    double mean = double(running_mean[i]), variance = double(running_variance[i]);
    if (a.sums) {
      const double count = *a.count;
      const auto update = [&](T& running, double batch) {
        running = T((1 - p.momentum) * double(running) + p.momentum * batch);
      };
      mean = a.sums[i] / count;
      // Rounding may leave the difference of two equal numbers below zero.
      variance = std::max(a.sums[values + i] / count - mean * mean, 0.0);
      update(running_mean[i], mean);
      update(running_variance[i], p.bessel ? variance * (count / (count - 1)) : variance);
    }
    a.mean[i] = mean;
    a.inverse_std[i] = 1 / std::sqrt(variance + p.epsilon);
  }
}

template <class T>
void apply(const Problem& p, const BatchNormApplyArgs& a) {
  for_moments(p, [&](int64_t split, int64_t c, int64_t moment) {
    const NormAffine<T> affine = norm_affine<T>(p, a, moment);
    for_pixels(p, split, [&](int64_t pixel) {
      const T x = static_cast<const T*>(a.x)[pixel * p.x_pitch + c];
      T value = (x - affine.centre) * affine.scale + affine.shift;
      if (p.residual) value += static_cast<const T*>(a.residual)[pixel * p.residual_pitch + c];
      static_cast<T*>(a.y)[pixel * p.y_pitch + c] = activate(p.activation, value);
    });
  });
}

template <class T>
void backward_sums(const Problem& p, const BatchNormBackwardSumsArgs& a) {
  *a.count = double(p.count());
  for_moments(p, [&](int64_t split, int64_t c, int64_t moment) {
    double sum = 0, product = 0;
    for_pixels(p, split, [&](int64_t pixel) {
      const T g = gradient_at<T>(p, a.y, a.dy, pixel, c);
      const auto x = double(static_cast<const T*>(a.x)[pixel * p.x_pitch + c]);
      sum += double(g);
      product += double(g) * (x - a.mean[moment]);
      if (p.residual) static_cast<T*>(a.dresidual)[pixel * p.residual_pitch + c] = g;
    });
    a.sums[moment] = sum;
    a.sums[int64_t{p.splits} * p.c + moment] = product;
  });
}

template <class T>
void backward_parameters(const Problem& p, const BatchNormBackwardParametersArgs& a) {
  for (int64_t c = 0; c < p.c; ++c) {
    double dgamma = 0, dbeta = 0;
    for (int64_t i = c; i < int64_t{p.splits} * p.c; i += p.c) {
      dbeta += a.sums[i];
      dgamma += a.sums[int64_t{p.splits} * p.c + i] * a.inverse_std[i];
    }
    static_cast<T*>(a.dgamma)[c] = T(dgamma);
    static_cast<T*>(a.dbeta)[c] = T(dbeta);
  }
}

template <class T>
void backward_apply(const Problem& p, const BatchNormBackwardApplyArgs& a) {
  for_moments(p, [&](int64_t split, int64_t c, int64_t moment) {
    const NormGradient<T> gradient = norm_gradient<T>(p, a, moment);
    for_pixels(p, split, [&](int64_t pixel) {
      const T g = gradient_at<T>(p, a.y, a.dy, pixel, c);
      const T x = static_cast<const T*>(a.x)[pixel * p.x_pitch + c];
      static_cast<T*>(a.dx)[pixel * p.dx_pitch + c] =
          g * gradient.scale + ((x - gradient.centre) * gradient.slope + gradient.shift);
    });
  });
}

bool can_run(const Problem& p) { return is_arithmetic(p.dtype); }

}  // namespace

extern constinit const BatchNormSumsKernel kBatchNormSumsReference{
    .name = "reference", .can_run = can_run, .run = run_arithmetic<sums<float>, sums<double>>};
extern constinit const BatchNormMomentsKernel kBatchNormMomentsReference{
    .name = "reference",
    .can_run = can_run,
    .run = run_arithmetic<moments<float>, moments<double>>};
extern constinit const BatchNormApplyKernel kBatchNormApplyReference{
    .name = "reference", .can_run = can_run, .run = run_arithmetic<apply<float>, apply<double>>};
extern constinit const BatchNormBackwardSumsKernel kBatchNormBackwardSumsReference{
    .name = "reference",
    .can_run = can_run,
    .run = run_arithmetic<backward_sums<float>, backward_sums<double>>};
extern constinit const BatchNormBackwardParametersKernel kBatchNormBackwardParametersReference{
    .name = "reference",
    .can_run = can_run,
    .run = run_arithmetic<backward_parameters<float>, backward_parameters<double>>};
extern constinit const BatchNormBackwardApplyKernel kBatchNormBackwardApplyReference{
    .name = "reference",
    .can_run = can_run,
    .run = run_arithmetic<backward_apply<float>, backward_apply<double>>};

}  // namespace sf
