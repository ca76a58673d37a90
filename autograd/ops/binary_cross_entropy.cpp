#include "autograd/ops/binary_cross_entropy.h"

#include "autograd/ops/lower.h"
#include "kernels/loss/binary_cross_entropy.h"

namespace sf {
namespace {

BinaryCrossEntropyProblem problem(const OpSite& site, bool logits) {
  const auto& x = site.in[0];
  return {.dtype = x.type.dtype,
          .rows = x.type.shape.pixels(),
          .cols = int(x.type.shape.channels()),
          .logits = logits,
          .x_pitch = x.pitch,
          .targets_pitch = site.in[1].pitch,
          .dx_pitch = x.type.shape.channels()};
}

const int64_t* rows_used(const Binding& b, size_t input) {
  return b.in.size() > input ? reinterpret_cast<const int64_t*>(b.in[input].data) : nullptr;
}

class BackwardOp : public Op {  // inputs: x, targets, gradient of the loss, perhaps rows_used
 public:
  explicit BackwardOp(bool logits) : logits_(logits) {}
  std::string_view name() const override { return "binary_cross_entropy_backward"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }

  Lowered lower(const OpSite& site) const override {
    const auto p = problem(site, logits_);
    const auto args = [](const Binding& b) {
      return BinaryCrossEntropyBackwardArgs{.x = b.in[0].data,
                                            .targets = b.in[1].data,
                                            .rows_used = rows_used(b, 3),
                                            .dloss = b.in[2].data,
                                            .dx = b.out[0].data};
    };
    return lower_kernel(best_kernel(binary_cross_entropy_backward_kernels(site.backend), p, name()),
                        p, site, args);
  }

 private:
  bool logits_;
};

class BinaryCrossEntropyOp : public Op {  // inputs: x, targets, perhaps rows_used
 public:
  explicit BinaryCrossEntropyOp(bool logits) : logits_(logits) {}
  std::string_view name() const override { return "binary_cross_entropy"; }

  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    SF_CHECK(in[0] == in[1], name(), ": wants targets ", in[0], ", found ", in[1]);
    SF_CHECK(in.size() < 3 || in[2] == TensorType({1}, DType::i64), name(),
             ": wants one i64 of rows used, found ", in.back());
    return {{{1}, in[0].dtype}};
  }

  Lowered lower(const OpSite& site) const override {
    const auto p = problem(site, logits_);
    const auto args = [](const Binding& b) {
      return BinaryCrossEntropyArgs{.x = b.in[0].data,
                                    .targets = b.in[1].data,
                                    .rows_used = rows_used(b, 2),
                                    .loss = b.out[0].data};
    };
    return lower_kernel(best_kernel(binary_cross_entropy_kernels(site.backend), p, name()), p, site,
                        args);
  }

  // By x alone.
  std::vector<Value> grad(const GradSite& site) const override {
    std::vector<Value> grads(site.in.size());
    if (!site.needed[0]) return grads;
    std::vector<Value> in{site.in[0], site.in[1], site.out_grad[0]};
    in.insert(in.end(), site.in.begin() + 2, site.in.end());
    grads[0] = site.in[0].graph().apply(std::make_shared<BackwardOp>(logits_), in)[0];
    return grads;
  }

 private:
  bool logits_;
};

}  // namespace

Value binary_cross_entropy(Value x, Value targets, bool logits, Value rows_used) {
  std::vector<Value> in{x, targets};
  if (rows_used) in.push_back(rows_used);
  return x.graph().apply(std::make_shared<BinaryCrossEntropyOp>(logits), in)[0];
}

}  // namespace sf
