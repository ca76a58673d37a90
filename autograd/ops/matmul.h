// Batched product of two activations.
#pragma once

#include "autograd/graph.h"

namespace sf {

struct MatmulParams {
  double alpha = 1;
  bool transpose_b = false;
};

// a and b are read as N matrices of (all positions) x channels: N x m x k times N x k x n, or N x n
// x k with transpose_b. Result: N x m x n, scaled by alpha.
Value matmul(Value a, Value b, const MatmulParams& params = {});

}  // namespace sf
