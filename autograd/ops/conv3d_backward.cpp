#include "autograd/ops/conv3d_backward.h"

#include <utility>

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
  Conv3dBackwardWeightOp(const Conv3dParams& params, const TensorType& weight, bool bias,
                         bool by_clip)
      : params_(params), weight_(weight), bias_(bias), by_clip_(by_clip) {}
  std::string_view name() const override { return "conv3d_backward_weight"; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    std::vector<TensorType> out{weight_};
    if (bias_) out.push_back({{weight_.shape[0]}, weight_.dtype});
    if (by_clip_)
      for (TensorType& type : out) type.shape = {in[0].shape[0], type.shape.numel()};
    return out;
  }

  bool takes_pitch(const OpSite& site) const override {
    const auto kernels = conv3d_backward_weight_kernels(site.backend);
    return best_kernel(kernels, problem_of_a_run(dense(site)), name())
        .can_run(problem_of_a_run(site));
  }

  Lowered lower(const OpSite& site) const override {
    const Conv3dProblem p = problem_of_a_run(site);
    const int64_t clips = by_clip_ ? site.in[0].type.shape[0] : 1;
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
    Lowered lowered = lower_kernel(kernel, p, site, args);
    if (clips == 1) return lowered;
    const Conv3dBytes clip(p);
    return for_parts(std::move(lowered), clips, {clip.x, clip.y},
                     bias_ ? std::vector{clip.dw, clip.bias} : std::vector{clip.dw});
  }

  bool by_weight() const override { return true; }
  Conv3dProblem problem(const OpSite& site) const override {
    Conv3dProblem p = conv3d_problem(params_, site, site.in[0], weight_.shape, site.in[1]);
    p.bias = bias_;
    return p;
  }

 private:
  Conv3dProblem problem_of_a_run(const OpSite& site) const {
    Conv3dProblem p = problem(site);
    if (by_clip_) p.n = 1;
    return p;
  }

  Conv3dParams params_;
  TensorType weight_;
  bool bias_, by_clip_;
};

}  // namespace

Value conv3d_backward_data(Value dy, Value weight, const Conv3dParams& params,
                           const TensorType& x) {
  return dy.graph().apply1(std::make_shared<Conv3dBackwardDataOp>(params, x), {dy, weight});
}

std::vector<Value> conv3d_backward_weight(Value x, Value dy, const Conv3dParams& params,
                                          const TensorType& weight, bool bias, bool by_clip) {
  const std::vector<Value> in{x, dy};
  return x.graph().apply(std::make_shared<Conv3dBackwardWeightOp>(params, weight, bias, by_clip),
                         in);
}

}  // namespace sf
