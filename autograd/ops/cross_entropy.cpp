#include "autograd/ops/cross_entropy.h"

#include "autograd/ops/lower.h"
#include "kernels/loss/cross_entropy.h"

namespace sf {
namespace {

// Inputs: logits, labels or targets, then class weights where there are any.
struct Inputs {
  double label_smoothing = 0;
  bool labels = true;
  bool weights = false;

  size_t count() const { return weights ? 3 : 2; }

  CrossEntropyProblem problem(const OpSite& site) const {
    const auto &x = site.in[0], &targets = site.in[1];
    return {.dtype = x.type.dtype,
            .rows = x.type.shape.pixels(),
            .classes = int(x.type.shape.channels()),
            .label_smoothing = label_smoothing,
            .x_pitch = x.pitch,
            .targets_pitch = labels ? x.type.shape.channels() : targets.pitch,
            .dx_pitch = x.type.shape.channels()};
  }

  template <class Args>
  Args args(const Binding& b) const {
    Args a;
    a.x = b.in[0].data;
    if (labels)
      a.labels = reinterpret_cast<const int64_t*>(b.in[1].data);
    else
      a.targets = b.in[1].data;
    if (weights) a.weights = b.in[2].data;
    return a;
  }
};

class CrossEntropyBackwardOp : public Op {  // inputs: those of the loss, its gradient
 public:
  explicit CrossEntropyBackwardOp(const Inputs& inputs) : inputs_(inputs) {}
  std::string_view name() const override { return "cross_entropy_backward"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }

  Lowered lower(const OpSite& site) const override {
    const CrossEntropyProblem p = inputs_.problem(site);
    const auto args = [inputs = inputs_](const Binding& b) {
      auto a = inputs.args<CrossEntropyBackwardArgs>(b);
      a.dloss = b.in[inputs.count()].data;
      a.dx = b.out[0].data;
      return a;
    };
    return lower_kernel(best_kernel(cross_entropy_backward_kernels(site.backend), p, name()), p,
                        site, args);
  }

 private:
  Inputs inputs_;
};

class CrossEntropyOp : public Op {
 public:
  explicit CrossEntropyOp(const Inputs& inputs) : inputs_(inputs) {}
  std::string_view name() const override { return "cross_entropy"; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    const Shape& x = in[0].shape;
    SF_CHECK(x.rank() == 2, "cross_entropy: wants logits rows x classes, found ", x);
    const TensorType wanted = inputs_.labels ? TensorType{{x[0]}, DType::i64} : in[0];
    SF_CHECK(in[1] == wanted, "cross_entropy: wants ", inputs_.labels ? "labels " : "targets ",
             wanted, ", found ", in[1]);
    SF_CHECK(!inputs_.weights || in[2] == (TensorType{{x[1]}, in[0].dtype}),
             "cross_entropy: wants ", x[1], " class weights, found ", in[2]);
    return {{{1}, in[0].dtype}};
  }

  Lowered lower(const OpSite& site) const override {
    const CrossEntropyProblem p = inputs_.problem(site);
    const auto args = [inputs = inputs_](const Binding& b) {
      auto a = inputs.args<CrossEntropyArgs>(b);
      a.loss = b.out[0].data;
      return a;
    };
    return lower_kernel(best_kernel(cross_entropy_kernels(site.backend), p, name()), p, site, args);
  }

  // By the logits alone.
  std::vector<Value> grad(const GradSite& site) const override {
    std::vector<Value> grads(site.in.size());
    std::vector<Value> in = site.in;
    in.push_back(site.out_grad[0]);
    if (site.needed[0])
      grads[0] = in[0].graph().apply(std::make_shared<CrossEntropyBackwardOp>(inputs_), in)[0];
    return grads;
  }

 private:
  Inputs inputs_;
};

}  // namespace

Value cross_entropy(Value logits, Value labels, const CrossEntropyParams& params,
                    Value class_weights) {
  SF_CHECK(params.label_smoothing >= 0 && params.label_smoothing <= 1,
           "cross_entropy: wanted a label smoothing from 0 to 1, found ", params.label_smoothing);
  std::vector<Value> in{logits, labels};
  if (class_weights) in.push_back(class_weights);
  const Inputs inputs{.label_smoothing = params.label_smoothing, .weights = bool(class_weights)};
  return logits.graph().apply(std::make_shared<CrossEntropyOp>(inputs), in)[0];
}

Value soft_cross_entropy(Value logits, Value targets) {
  return logits.graph().apply1(std::make_shared<CrossEntropyOp>(Inputs{.labels = false}),
                               {logits, targets});
}

}  // namespace sf
