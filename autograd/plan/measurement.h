// How long a plan takes on its device.
#pragma once

#include <span>
#include <vector>

#include "autograd/plan/plan.h"

namespace sf {

struct Measurement {
  std::vector<double> steps;  // seconds of each alone, run many times one after another
  double run = 0;             // seconds of a whole run, inputs in place
};

// Both plans of one graph, on one device. The inputs hold numbers of [-2, 2), or 0 where they are
// no reals. Every step runs many times, so states that a run changes end as anything. What a step
// reads may still lie in caches, as it may in a run.
//
// one_lane, whose steps come one after another, is measured by steps, the other one as a whole.
Measurement measure(Plan& one_lane, Plan& whole, std::span<const Value> inputs);

}  // namespace sf
