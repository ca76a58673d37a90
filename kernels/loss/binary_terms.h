// The loss of one value of a binary cross-entropy and its gradient, for host and device.
#pragma once

#include <cmath>

#include "kernels/base/host_device.h"
#include "kernels/loss/binary_cross_entropy.h"

namespace sf {

// NaN stays NaN.
SF_HOST_DEVICE inline double at_least(double value, double least) {
  return value < least ? least : value;
}

SF_HOST_DEVICE inline double loss_of_probability(double p, double t) {
  constexpr double kLeast = -100;
  return -t * at_least(std::log(p), kLeast) - (1 - t) * at_least(std::log1p(-p), kLeast);
}

// (1 - t) x - log sigmoid(x)
SF_HOST_DEVICE inline double loss_of_logit(double x, double t) {
  return (1 - t) * x + at_least(-x, 0) + std::log1p(std::exp(-std::abs(x)));
}

SF_HOST_DEVICE inline double gradient_of_probability(double p, double t) {
  return (p - t) / at_least((1 - p) * p, 1e-12);
}

SF_HOST_DEVICE inline double gradient_of_logit(double x, double t) {
  return 1 / (1 + std::exp(-x)) - t;
}

template <class Args>
SF_HOST_DEVICE int64_t rows_used(const BinaryCrossEntropyProblem& p, const Args& a) {
  return a.rows_used ? *a.rows_used : p.rows;
}

}  // namespace sf
