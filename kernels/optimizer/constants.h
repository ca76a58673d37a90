// What a step multiplies with, rounded to the type of the parameter.
#pragma once

#include <cmath>

#include "kernels/optimizer/optimizer.h"

namespace sf {

template <class T>
struct SgdConstants {
  SgdConstants(const SgdProblem& p, const StepArgs& a)
      : factor(a.factor ? T(*a.factor) : T(1)),
        rate(T(*a.learning_rate)),
        decay(T(p.weight_decay)),
        momentum(T(p.momentum)),
        added(T(1 - p.dampening)),
        starts(*a.step == 1) {}

  T factor, rate, decay, momentum;
  T added;      // weight of d in the buffer
  bool starts;  // the buffer becomes d
};

template <class T>
struct AdamConstants {
  AdamConstants(const AdamProblem& p, const StepArgs& a)
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

  T factor, decay, shrink, beta1, rest1, beta2, rest2, epsilon;
  T size;        // of the step, corrected for the mean that starts at 0
  T correction;  // of the root of the squares
};

}  // namespace sf
