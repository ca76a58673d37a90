// The gradients of a convolution.
#pragma once

#include "autograd/ops/conv3d.h"

namespace sf {

// By its input, of type x; dy is the gradient of its output.
Value conv3d_backward_data(Value dy, Value weight, const Conv3dParams& params, const TensorType& x);

// By its weight, of type `weight`, and, where `bias`, by its bias.
std::vector<Value> conv3d_backward_weight(Value x, Value dy, const Conv3dParams& params,
                                          const TensorType& weight, bool bias);

}  // namespace sf
