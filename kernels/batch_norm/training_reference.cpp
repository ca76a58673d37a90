// The definition, channel by channel.
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
Arithmetic<T> gradient_at(const Problem& p, const void* y, const void* dy, int64_t pixel,
                          int64_t c) {
  using A = Arithmetic<T>;
  const bool stopped =
      p.activation == Activation::relu && A(static_cast<const T*>(y)[pixel * p.y_pitch + c]) <= 0;
  return stopped ? A(0) : A(static_cast<const T*>(dy)[pixel * p.dy_pitch + c]);
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

template <class A>
void moments(const Problem& p, const BatchNormMomentsArgs& a) {
  const int64_t values = int64_t{p.splits} * p.c;
  auto* running_mean = static_cast<A*>(a.running_mean);
  auto* running_variance = static_cast<A*>(a.running_variance);
  for (int64_t i = 0; i < values; ++i) {
    double mean = double(running_mean[i]), variance = double(running_variance[i]);
    if (a.sums) {
      const double count = *a.count;
      const auto update = [&](A& running, double batch) {
        running = A((1 - p.momentum) * double(running) + p.momentum * batch);
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
  using A = Arithmetic<T>;
  for_moments(p, [&](int64_t split, int64_t c, int64_t moment) {
    const NormAffine<A> affine = norm_affine<A>(p, a, moment);
    for_pixels(p, split, [&](int64_t pixel) {
      const A x = A(static_cast<const T*>(a.x)[pixel * p.x_pitch + c]);
      A value = (x - affine.centre) * affine.scale + affine.shift;
      if (p.residual) value += A(static_cast<const T*>(a.residual)[pixel * p.residual_pitch + c]);
      static_cast<T*>(a.y)[pixel * p.y_pitch + c] = T(activate(p.activation, value));
    });
  });
}

template <class T>
void backward_sums(const Problem& p, const BatchNormBackwardSumsArgs& a) {
  *a.count = double(p.count());
  for_moments(p, [&](int64_t split, int64_t c, int64_t moment) {
    double sum = 0, product = 0;
    for_pixels(p, split, [&](int64_t pixel) {
      const auto g = gradient_at<T>(p, a.y, a.dy, pixel, c);
      const auto x = double(static_cast<const T*>(a.x)[pixel * p.x_pitch + c]);
      sum += double(g);
      product += double(g) * (x - a.mean[moment]);
      if (p.residual) static_cast<T*>(a.dresidual)[pixel * p.residual_pitch + c] = T(g);
    });
    a.sums[moment] = sum;
    a.sums[int64_t{p.splits} * p.c + moment] = product;
  });
}

template <class A>
void backward_parameters(const Problem& p, const BatchNormBackwardParametersArgs& a) {
  for (int64_t c = 0; c < p.c; ++c) {
    double dgamma = 0, dbeta = 0;
    for (int64_t i = c; i < int64_t{p.splits} * p.c; i += p.c) {
      dbeta += a.sums[i];
      dgamma += a.sums[int64_t{p.splits} * p.c + i] * a.inverse_std[i];
    }
    static_cast<A*>(a.dgamma)[c] = A(dgamma * p.share);
    static_cast<A*>(a.dbeta)[c] = A(dbeta * p.share);
  }
}

template <class T>
void backward_apply(const Problem& p, const BatchNormBackwardApplyArgs& a) {
  using A = Arithmetic<T>;
  for_moments(p, [&](int64_t split, int64_t c, int64_t moment) {
    const NormGradient<A> gradient = norm_gradient<A>(p, a, moment);
    for_pixels(p, split, [&](int64_t pixel) {
      const A g = gradient_at<T>(p, a.y, a.dy, pixel, c);
      const A x = A(static_cast<const T*>(a.x)[pixel * p.x_pitch + c]);
      static_cast<T*>(a.dx)[pixel * p.dx_pitch + c] =
          T(g * gradient.scale + ((x - gradient.centre) * gradient.slope + gradient.shift));
    });
  });
}

bool can_run(const Problem& p) { return is_real(p.dtype); }

void run(const Problem& p, const BatchNormSumsArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { sums<decltype(t)>(p, a); });
}
void run(const Problem& p, const BatchNormMomentsArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { moments<Arithmetic<decltype(t)>>(p, a); });
}
void run(const Problem& p, const BatchNormApplyArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { apply<decltype(t)>(p, a); });
}
void run(const Problem& p, const BatchNormBackwardSumsArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { backward_sums<decltype(t)>(p, a); });
}
void run(const Problem& p, const BatchNormBackwardParametersArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { backward_parameters<Arithmetic<decltype(t)>>(p, a); });
}
void run(const Problem& p, const BatchNormBackwardApplyArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { backward_apply<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const BatchNormSumsKernel kBatchNormSumsReference{
    .name = "reference", .can_run = can_run, .run = run};
extern constinit const BatchNormMomentsKernel kBatchNormMomentsReference{
    .name = "reference", .can_run = can_run, .run = run};
extern constinit const BatchNormApplyKernel kBatchNormApplyReference{
    .name = "reference", .can_run = can_run, .run = run};
extern constinit const BatchNormBackwardSumsKernel kBatchNormBackwardSumsReference{
    .name = "reference", .can_run = can_run, .run = run};
extern constinit const BatchNormBackwardParametersKernel kBatchNormBackwardParametersReference{
    .name = "reference", .can_run = can_run, .run = run};
extern constinit const BatchNormBackwardApplyKernel kBatchNormBackwardApplyReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
