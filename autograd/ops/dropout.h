// Dropout and drop connect.
#pragma once

#include "autograd/graph.h"

namespace sf {

// Where the random numbers of a graph come from: states of one i64 each, set by the caller before a
// run. Equal seeds and steps give equal draws.
struct RandomState {
  Value seed, step;
  int rank = 0;  // as TrainingRules have it
};

// Those of a graph for training.
RandomState random_state(Graph& graph);

// Zeroes each element of x with probability `rate` and divides the others by 1 - rate (Srivastava
// et al. 2014). The scope that the node is made in tells its draws from those of other nodes.
Value dropout(Value x, double rate, const RandomState& random);

// The same with one draw for each sample (N first): stochastic depth (arXiv:1603.09382).
Value drop_connect(Value x, double rate, const RandomState& random);

}  // namespace sf
