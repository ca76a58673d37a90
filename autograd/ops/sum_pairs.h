// Sums in which parts may be summed apart.
#pragma once

#include "autograd/graph.h"

namespace sf {

// x: N ..; result of shape `to`, which has as many elements as there are behind N: the sum of the
// first half of the N (the smaller one) plus that of the other, each made so and rounded. Whoever
// holds an equal part of N, of 2^n parts, makes a term of that sum: ProcessGroup::all_reduce adds
// those terms alike.
Value sum_pairs(Value x, Shape to);

}  // namespace sf
