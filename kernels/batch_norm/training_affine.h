// The normalisation of one channel, and its gradient, as products and sums of constants rounded to
// the arithmetic type T. Values are taken less a centre first: the mean as rounded to T. That
// difference is exact near the mean, so that a mean far from zero costs no precision; what the
// centre lacks of the mean goes to the constants.
#pragma once

#include "kernels/base/host_device.h"
#include "kernels/batch_norm/training.h"

namespace sf {

// y = (x - centre) scale + shift.
template <class T>
struct NormAffine {
  T centre, scale, shift;
};

// Moment i = split * c + channel.
template <class T>
SF_HOST_DEVICE NormAffine<T> norm_affine(const BatchNormTrainingProblem& p,
                                         const BatchNormApplyArgs& a, int64_t i) {
  const T centre = T(a.mean[i]);
  const double scale = double(static_cast<const T*>(a.gamma)[i % p.c]) * a.inverse_std[i];
  const double beta = double(static_cast<const T*>(a.beta)[i % p.c]);
  return {centre, T(scale), T(beta + (double(centre) - a.mean[i]) * scale)};
}

// dx = g scale + (x - centre) slope + shift.
template <class T>
struct NormGradient {
  T centre, scale, slope, shift;
};

template <class T>
SF_HOST_DEVICE NormGradient<T> norm_gradient(const BatchNormTrainingProblem& p,
                                             const BatchNormBackwardApplyArgs& a, int64_t i) {
  const T centre = T(a.mean[i]);
  const double scale = double(static_cast<const T*>(a.gamma)[i % p.c]) * a.inverse_std[i];
  if (!a.sums) return {centre, T(scale), T(0), T(0)};
  const double count = *a.count;
  const double mean = a.sums[i] / count;
  const double covariance = a.sums[int64_t{p.splits} * p.c + i] / count;
  const double slope = -scale * a.inverse_std[i] * a.inverse_std[i] * covariance;
  return {centre, T(scale), T(slope), T((double(centre) - a.mean[i]) * slope - scale * mean)};
}

}  // namespace sf
