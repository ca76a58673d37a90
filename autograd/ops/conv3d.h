// Three-dimensional convolution.
#pragma once

#include <array>

#include "autograd/graph.h"
#include "kernels/conv3d/conv3d.h"

namespace sf {

struct Conv3dParams {
  std::array<int, 3> stride{1, 1, 1}, pad{0, 0, 0}, dilation{1, 1, 1};  // T H W
  int groups = 1;
};

// x: N T H W C, weight: O T H W C/groups, bias: O or empty. Zero padding.
Value conv3d(Value x, Value weight, const Conv3dParams& params, Value bias = {});

// The kernels' problem without bias, residual and activation; x and y are ports of the site.
Conv3dProblem conv3d_problem(const Conv3dParams& params, const OpSite& site, const OpSite::Port& x,
                             const Shape& weight, const OpSite::Port& y);

// The memory that a problem's tensors take.
struct Conv3dBytes {
  explicit Conv3dBytes(const Conv3dProblem& p);
  size_t x, w, dw, bias, residual, y, sums;
};

// All that the time of a kernel depends on, as text.
std::string measured_text(const Conv3dProblem& p);

// Inputs: x, weight, then bias and residual where the flags say so. Outputs: y, and where asked for
// the sums over it as batch norm in training takes them: f64, of y and of y squared of each
// channel, then the number of pixels.
class Conv3dOp : public Op {
 public:
  Conv3dParams params;
  bool bias = false;
  bool residual = false;  // a tensor like the output that is added before the activation
  Activation activation = Activation::none;
  bool sums = false;
  bool gradient_by_clip = false;  // as TrainingRules have it

  std::string_view name() const override { return "conv3d"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  Lowered lower(const OpSite& site) const override;
  // Of the plain convolution; fused ones exist in inference only.
  std::vector<Value> grad(const GradSite& site) const override;
  bool takes_pitch(const OpSite& site) const override;
  Precision precision() const override { return Precision::half; }
  bool may_be_half(size_t input) const override { return !bias || input != 2; }
  // The sum may grow over the residual.
  std::optional<int> reuses_input() const override;
  std::vector<int> inputs_by_frames(std::span<const TensorType> in) const override;
  double flops(const OpSite& site) const override { return problem(site).flops(); }
  std::string problem_text(const OpSite& site) const override;

  Conv3dProblem problem(const OpSite& site) const;
};

}  // namespace sf
