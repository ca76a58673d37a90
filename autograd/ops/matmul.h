// Batched product of two activations.
#pragma once

#include "autograd/graph.h"

namespace sf {

struct MatmulParams {
  bool transpose_a = false;
  bool transpose_b = false;
  double alpha = 1;
  // b is one matrix, which those of a meet one after another, so that none depends on how many
  // there are. Has no gradient.
  bool shared_b = false;
};

// a and b are read as N matrices of (all positions) x channels: N x m x k (N x k x m with
// transpose_a) times N x k x n (N x n x k with transpose_b). Result: N x m x n, scaled by alpha.
Value matmul(Value a, Value b, const MatmulParams& params = {});

}  // namespace sf
