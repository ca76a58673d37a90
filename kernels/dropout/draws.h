// Which elements a use of dropout keeps, for host and device.
#pragma once

#include "kernels/base/counter_rng.h"
#include "kernels/dropout/dropout.h"

namespace sf {

class Draws {
 public:
  SF_HOST_DEVICE Draws(const DropoutProblem& p, int64_t seed, int64_t step)
      : p_(p), rng_(CounterRng(CounterRng(uint64_t(seed)).bits(p.stream)).bits(uint64_t(step))) {}

  SF_HOST_DEVICE bool keeps(int64_t pixel, int64_t c) const {
    const int64_t number = p_.first_pixel + pixel;
    const int64_t draw = p_.draw_pixels > 0 ? number / p_.draw_pixels : number * p_.c + c;
    return double(rng_.uniform(uint64_t(draw), 0, 1)) >= p_.rate;
  }

 private:
  const DropoutProblem& p_;
  CounterRng rng_;
};

// What kept elements are multiplied with.
SF_HOST_DEVICE inline float kept_scale(const DropoutProblem& p) {
  return float(p.rate < 1 ? 1 / (1 - p.rate) : 0);
}

}  // namespace sf
