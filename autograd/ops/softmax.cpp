#include "autograd/ops/softmax.h"

#include "autograd/ops/lower.h"
#include "kernels/softmax/backward.h"
#include "kernels/softmax/softmax.h"

namespace sf {
namespace {

class SoftmaxBackwardOp : public Op {  // inputs: y, dy
 public:
  std::string_view name() const override { return "softmax_backward"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  bool takes_pitch(const OpSite&) const override { return true; }

  Lowered lower(const OpSite& site) const override {
    const auto& y = site.in[0];
    const SoftmaxBackwardProblem p{.dtype = y.type.dtype,
                                   .rows = y.type.shape.pixels(),
                                   .cols = int(y.type.shape.channels()),
                                   .y_pitch = y.pitch,
                                   .dy_pitch = site.in[1].pitch,
                                   .dx_pitch = site.out[0].pitch};
    const auto args = [](const Binding& b) {
      return SoftmaxBackwardArgs{.y = b.in[0].data, .dy = b.in[1].data, .dx = b.out[0].data};
    };
    return lower_kernel(best_kernel(softmax_backward_kernels(site.backend), p, name()), p, site,
                        args);
  }
};

class SoftmaxOp : public Op {
 public:
  std::string_view name() const override { return "softmax"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  bool takes_pitch(const OpSite&) const override { return true; }
  std::optional<int> reuses_input() const override { return 0; }

  std::vector<Value> grad(const GradSite& site) const override {
    const Value y = site.out[0];
    return {y.graph().apply1(std::make_shared<SoftmaxBackwardOp>(), {y, site.out_grad[0]})};
  }

  Lowered lower(const OpSite& site) const override {
    const auto& x = site.in[0];
    const SoftmaxProblem p{.dtype = x.type.dtype,
                           .rows = x.type.shape.pixels(),
                           .cols = int(x.type.shape.channels()),
                           .x_pitch = x.pitch,
                           .y_pitch = site.out[0].pitch};
    const auto args = [](const Binding& b) {
      return SoftmaxArgs{.x = b.in[0].data, .y = b.out[0].data};
    };
    return lower_kernel(best_kernel(softmax_kernels(site.backend), p, name()), p, site, args);
  }
};

}  // namespace

Value softmax(Value x) { return x.graph().apply1(std::make_shared<SoftmaxOp>(), {x}); }

}  // namespace sf
