// A linear map of the innermost axis.
#pragma once

#include "autograd/graph.h"
#include "kernels/linear/linear.h"

namespace sf {

// x: [.. in], weight: out x in, bias: out or empty; result [.. out].
Value linear(Value x, Value weight, Value bias = {});

class LinearOp : public Op {
 public:
  bool bias = false;
  Activation activation = Activation::none;
  bool gradient_by_clip = false;  // as TrainingRules have it, for each of the first axis of x

  std::string_view name() const override { return "linear"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  Lowered lower(const OpSite& site) const override;
  // Without a fused activation, which exists in inference only.
  std::vector<Value> grad(const GradSite& site) const override;
  bool takes_pitch(const OpSite& site) const override;
  Precision precision() const override { return Precision::half; }
  bool may_be_half(size_t input) const override { return input != 2; }
  double flops(const OpSite& site) const override;

 private:
  LinearProblem problem(const OpSite& site) const;
};

}  // namespace sf
