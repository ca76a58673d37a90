// What a step multiplies with, rounded to the type of the parameter, and the step of one value; for
// host and device.
#pragma once

#include <cmath>

#include "kernels/base/host_device.h"
#include "kernels/optimizer/optimizer.h"

namespace sf {

template <class T>
struct SgdConstants {
  SF_HOST_DEVICE SgdConstants(const SgdRule& p, const StepArgs& a)
      : factor(a.factor ? T(*a.factor) : T(1)),
        rate(T(*a.learning_rate)),
        decay(T(p.weight_decay)),
        momentum(T(p.momentum)),
        added(T(1 - p.dampening)),
        starts(*a.step == 1),
        nesterov(p.nesterov) {}

  // buffer: null without momentum.
  SF_HOST_DEVICE void step(T g, T& p, T* buffer) const {
    T d = g * factor + decay * p;
    if (buffer) {
      *buffer = starts ? d : momentum * *buffer + added * d;
      d = nesterov ? d + momentum * *buffer : *buffer;
    }
    p -= rate * d;
  }

  T factor, rate, decay, momentum;
  T added;      // weight of d in the buffer
  bool starts;  // the buffer becomes d
  bool nesterov;
};

template <class T>
struct AdamConstants {
  SF_HOST_DEVICE AdamConstants(const AdamRule& p, const StepArgs& a)
      : factor(a.factor ? T(*a.factor) : T(1)),
        decay(T(p.decoupled ? 0 : p.weight_decay)),
        shrink(T(p.decoupled ? 1 - *a.learning_rate * p.weight_decay : 1)),
        beta1(T(p.beta1)),
        rest1(T(1 - p.beta1)),
        beta2(T(p.beta2)),
        rest2(T(1 - p.beta2)),
        epsilon(T(p.epsilon)),
        size(T(*a.learning_rate / (1 - std::pow(p.beta1, double(*a.step))))),
        correction(T(std::sqrt(1 - std::pow(p.beta2, double(*a.step))))) {}

  SF_HOST_DEVICE void step(T g, T& p, T& mean, T& square) const {
    const T d = g * factor + decay * p;
    mean = beta1 * mean + rest1 * d;
    square = beta2 * square + rest2 * d * d;
    const T deviation = std::sqrt(square) / correction + epsilon;
    p = p * shrink - size * (mean / deviation);
  }

  T factor, decay, shrink, beta1, rest1, beta2, rest2, epsilon;
  T size;        // of the step, corrected for the mean that starts at 0
  T correction;  // of the root of the squares
};

template <class T>
struct LarsConstants {
  SF_HOST_DEVICE LarsConstants(const LarsProblem& p, double p_squares, double g_squares) {
    const double p_norm = std::sqrt(p_squares), g_norm = std::sqrt(g_squares);
    const bool adapts = p_norm != 0 && g_norm != 0;
    const double rate = p.trust * p_norm / (g_norm + p.weight_decay * p_norm + p.epsilon);
    scale = T(adapts ? rate : 1);
    decay = T(adapts ? p.weight_decay : 0);
  }

  SF_HOST_DEVICE T gradient(T g, T p) const { return (g + decay * p) * scale; }

  T scale, decay;
};

}  // namespace sf
