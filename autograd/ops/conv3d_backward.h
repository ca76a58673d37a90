// The gradients of a convolution.
#pragma once

#include "autograd/ops/conv3d.h"

namespace sf {

// By its input, of type x; dy is the gradient of its output.
Value conv3d_backward_data(Value dy, Value weight, const Conv3dParams& params, const TensorType& x);

// By its weight, of type `weight`, and, where `bias`, by its bias. by_clip: those of each clip, one
// behind another, N x elements.
std::vector<Value> conv3d_backward_weight(Value x, Value dy, const Conv3dParams& params,
                                          const TensorType& weight, bool bias,
                                          bool by_clip = false);

// What the steps of these compute, as a problem of their kernels: for tools that look at plans.
class Conv3dBackwardOp : public Op {
 public:
  virtual Conv3dProblem problem(const OpSite& site) const = 0;
  virtual bool by_weight() const = 0;
  double flops(const OpSite& site) const override { return problem(site).flops(); }
};

}  // namespace sf
