#include "autograd/ops/conv3d_backward.h"

#include "autograd/ops/measured_kernel.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"

namespace sf {
namespace {

class Conv3dBackwardDataOp : public Conv3dBackwardOp {  // inputs: dy, weight
 public:
  Conv3dBackwardDataOp(const Conv3dParams& params, const TensorType& x) : params_(params), x_(x) {}
  std::string_view name() const override { return "conv3d_backward_data"; }
  std::vector<TensorType> infer(std::span<const TensorType>) const override { return {x_}; }

  bool takes_pitch(const OpSite& site) const override {
    return best_kernel(conv3d_backward_data_kernels(site.backend), problem(dense(site)), name())
        .can_run(problem(site));
  }

  Lowered lower(const OpSite& site) const override {
    const Conv3dProblem p = problem(site);
    const auto args = [](const Binding& b) {
      return Conv3dBackwardDataArgs{.dy = b.in[0].data, .w = b.in[1].data, .dx = b.out[0].data};
    };
    const auto& kernel = measured_kernel(
        conv3d_backward_data_kernels(site.backend), p, site, name(), measured_text(p),
        [&](const auto& take) {
          const Conv3dBytes bytes(p);
          return Conv3dBackwardDataArgs{
              .dy = take(bytes.y), .w = take(bytes.w), .dx = take(bytes.x)};
        },
        1);
    return lower_kernel(kernel, p, site, args, 1);
  }

  bool by_weight() const override { return false; }
  Conv3dProblem problem(const OpSite& site) const override {
    return conv3d_problem(params_, site, site.out[0], site.in[1].type.shape, site.in[0]);
  }

 private:
  Conv3dParams params_;
  TensorType x_;
};

class Conv3dBackwardWeightOp
    : public Conv3dBackwardOp {  // inputs: x, dy; outputs: dw and, where bias, dbias
 public:
  Conv3dBackwardWeightOp(const Conv3dParams& params, const TensorType& weight, bool bias)
      : params_(params), weight_(weight), bias_(bias) {}
  std::string_view name() const override { return "conv3d_backward_weight"; }

  std::vector<TensorType> infer(std::span<const TensorType>) const override {
    if (!bias_) return {weight_};
    return {weight_, {{weight_.shape[0]}, weight_.dtype}};
  }

  bool takes_pitch(const OpSite& site) const override {
    return best_kernel(conv3d_backward_weight_kernels(site.backend), problem(dense(site)), name())
        .can_run(problem(site));
  }

  Lowered lower(const OpSite& site) const override {
    const Conv3dProblem p = problem(site);
    const auto args = [bias = bias_](const Binding& b) {
      return Conv3dBackwardWeightArgs{.x = b.in[0].data,
                                      .dy = b.in[1].data,
                                      .dw = b.out[0].data,
                                      .dbias = bias ? b.out[1].data : nullptr};
    };
    const auto& kernel = measured_kernel(conv3d_backward_weight_kernels(site.backend), p, site,
                                         name(), measured_text(p), [&](const auto& take) {
                                           const Conv3dBytes bytes(p);
                                           return Conv3dBackwardWeightArgs{
                                               .x = take(bytes.x),
                                               .dy = take(bytes.y),
                                               .dw = take(bytes.dw),
                                               .dbias = p.bias ? take(bytes.bias) : nullptr};
                                         });
    return lower_kernel(kernel, p, site, args);
  }

  bool by_weight() const override { return true; }
  Conv3dProblem problem(const OpSite& site) const override {
    Conv3dProblem p = conv3d_problem(params_, site, site.in[0], weight_.shape, site.in[1]);
    p.bias = bias_;
    return p;
  }

 private:
  Conv3dParams params_;
  TensorType weight_;
  bool bias_;
};

}  // namespace

Value conv3d_backward_data(Value dy, Value weight, const Conv3dParams& params,
                           const TensorType& x) {
  return dy.graph().apply1(std::make_shared<Conv3dBackwardDataOp>(params, x), {dy, weight});
}

std::vector<Value> conv3d_backward_weight(Value x, Value dy, const Conv3dParams& params,
                                          const TensorType& weight, bool bias) {
  const std::vector<Value> in{x, dy};
  return x.graph().apply(std::make_shared<Conv3dBackwardWeightOp>(params, weight, bias), in);
}

}  // namespace sf
