#include "autograd/ops/pointwise.h"

#include "autograd/ops/lower.h"
#include "autograd/ops/sum_pixels.h"
#include "kernels/pointwise/backward.h"

namespace sf {
namespace {

// Inputs: what the kind saves of the forward pass (see UnaryBackwardArgs), dy.
class UnaryBackwardOp : public Op {
 public:
  explicit UnaryBackwardOp(UnaryKind kind) : kind_(kind) {}
  std::string_view name() const override { return "unary_backward"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[1]}; }
  bool takes_pitch(const OpSite&) const override { return true; }
  std::optional<int> reuses_input() const override { return 1; }

  Lowered lower(const OpSite& site) const override {
    const auto &saved = site.in[0], &dy = site.in[1];
    const UnaryBackwardProblem p{.dtype = dy.type.dtype,
                                 .kind = kind_,
                                 .pixels = dy.type.shape.pixels(),
                                 .c = int(dy.type.shape.channels()),
                                 .saved_pitch = saved.pitch,
                                 .dy_pitch = dy.pitch,
                                 .dx_pitch = site.out[0].pitch};
    const auto args = [](const Binding& b) {
      return UnaryBackwardArgs{.saved = b.in[0].data, .dy = b.in[1].data, .dx = b.out[0].data};
    };
    return lower_kernel(best_kernel(unary_backward_kernels(site.backend), p, name()), p, site,
                        args);
  }

 private:
  UnaryKind kind_;
};

}  // namespace

Value relu(Value x) { return x.graph().apply1(std::make_shared<UnaryOp>(UnaryKind::relu), {x}); }
Value sigmoid(Value x) {
  return x.graph().apply1(std::make_shared<UnaryOp>(UnaryKind::sigmoid), {x});
}
Value swish(Value x) { return x.graph().apply1(std::make_shared<UnaryOp>(UnaryKind::swish), {x}); }
Value add(Value a, Value b) {
  return a.graph().apply1(std::make_shared<BinaryOp>(BinaryKind::add), {a, b});
}
Value multiply(Value a, Value b) {
  return a.graph().apply1(std::make_shared<BinaryOp>(BinaryKind::multiply), {a, b});
}

std::string_view UnaryOp::name() const {
  switch (kind) {
    case UnaryKind::relu: return "relu";
    case UnaryKind::sigmoid: return "sigmoid";
    case UnaryKind::swish: return "swish";
  }
  return "unary";
}

Lowered UnaryOp::lower(const OpSite& site) const {
  const auto& x = site.in[0];
  const UnaryProblem p{.dtype = x.type.dtype,
                       .kind = kind,
                       .pixels = x.type.shape.pixels(),
                       .c = int(x.type.shape.channels()),
                       .x_pitch = x.pitch,
                       .y_pitch = site.out[0].pitch};
  const auto args = [](const Binding& b) {
    return UnaryArgs{.x = b.in[0].data, .y = b.out[0].data};
  };
  return lower_kernel(best_kernel(unary_kernels(site.backend), p, name()), p, site, args);
}

std::vector<Value> UnaryOp::grad(const GradSite& site) const {
  const Value saved = kind == UnaryKind::swish ? site.in[0] : site.out[0];
  return {saved.graph().apply1(std::make_shared<UnaryBackwardOp>(kind), {saved, site.out_grad[0]})};
}

std::string_view BinaryOp::name() const { return kind == BinaryKind::add ? "add" : "multiply"; }

std::vector<TensorType> BinaryOp::infer(std::span<const TensorType> in) const {
  Shape per_channel = in[0].shape;
  for (int axis = 1; axis + 1 < per_channel.rank(); ++axis) per_channel.set(axis, 1);
  const bool broadcast = kind == BinaryKind::multiply && in[1].shape == per_channel;
  SF_CHECK(in[0].dtype == in[1].dtype && (in[0].shape == in[1].shape || broadcast), name(), ": ",
           in[0], " against ", in[1]);
  return {in[0]};
}

Lowered BinaryOp::lower(const OpSite& site) const {
  const auto &a = site.in[0], &b = site.in[1];
  const BinaryProblem p{
      .dtype = a.type.dtype,
      .kind = kind,
      .pixels = a.type.shape.pixels(),
      .c = int(a.type.shape.channels()),
      .b_repeat = a.type.shape.pixels() / std::max<int64_t>(b.type.shape.pixels(), 1),
      .a_pitch = a.pitch,
      .b_pitch = b.pitch,
      .y_pitch = site.out[0].pitch};
  const auto args = [](const Binding& m) {
    return BinaryArgs{.a = m.in[0].data, .b = m.in[1].data, .y = m.out[0].data};
  };
  return lower_kernel(best_kernel(binary_kernels(site.backend), p, name()), p, site, args);
}

std::vector<Value> BinaryOp::grad(const GradSite& site) const {
  const Value &a = site.in[0], &b = site.in[1], &dy = site.out_grad[0];
  if (kind == BinaryKind::add) return {dy, dy};
  std::vector<Value> grads(2);
  if (site.needed[0]) grads[0] = multiply(dy, b);
  if (site.needed[1]) {
    grads[1] = multiply(dy, a);
    if (b.shape() != a.shape()) grads[1] = sum_pixels(grads[1], b.shape());
  }
  return grads;
}

}  // namespace sf
