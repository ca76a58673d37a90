// How long a plan takes on its device.
#pragma once

#include <span>
#include <vector>

#include "autograd/plan/plan.h"

namespace sf {

// In seconds. On the host the least of several runs, in which the steps find in the caches what
// those before them left there; on a CUDA device, where a step is shorter than the way to it, the
// mean of many times one after another.
struct Measurement {
  std::vector<double> steps;
  double run = 0;  // a whole run, inputs in place
};

// Both plans of one graph, on one device. The inputs hold numbers of [-2, 2), or 0 where they are
// no reals. Every step runs many times, so states that a run changes end as anything.
//
// one_lane, whose steps come one after another, is measured by steps, the other one as a whole.
Measurement measure(Plan& one_lane, Plan& whole, std::span<const Value> inputs);

}  // namespace sf
