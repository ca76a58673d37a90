#include "autograd/ops/batch_norm_training.h"
#include "autograd/ops/conv3d.h"
#include "autograd/ops/pointwise.h"
#include "autograd/rewrite/rewrite.h"

namespace sf {
namespace {

// Moves additions and ReLUs into the op before them, a T: something with a residual and an
// activation.
template <class T>
class EpilogueFusion {
 public:
  EpilogueFusion(const Graph& graph, std::span<const int> keep) : rebuild_(graph, keep) {}

  Rewritten run() {
    return rebuild_.run([&](const Graph::Node& node) {
      const auto* binary = dynamic_cast<const BinaryOp*>(node.op.get());
      if (binary && binary->kind == BinaryKind::add) return take_residual(node);
      const auto* unary = dynamic_cast<const UnaryOp*>(node.op.get());
      if (unary && unary->kind == UnaryKind::relu) return take_relu(node);
      return false;
    });
  }

 private:
  bool take_residual(const Graph::Node& add) {
    for (size_t side : {0, 1}) {
      const Graph::Node* before = fusible(add.in[side]);
      if (!before || static_cast<const T&>(*before->op).residual) continue;
      const Value residual = rebuild_.moved(add.in[1 - side]);
      replace(add.out[0], *before, [&](T& op, std::vector<Value>& in) {
        op.residual = true;
        in.push_back(residual);
      });
      return true;
    }
    return false;
  }

  bool take_relu(const Graph::Node& relu) {
    const Graph::Node* before = fusible(relu.in[0]);
    if (!before) return false;
    replace(relu.out[0], *before, [](T& op, auto&) { op.activation = Activation::relu; });
    return true;
  }

  // The T that makes a value in the new graph, if the node in hand is the only reader of its result
  // and no activation follows yet.
  const Graph::Node* fusible(int old_value) {
    if (rebuild_.uses(old_value) != 1) return nullptr;
    const Graph& to = rebuild_.to();
    const int producer = to.info(rebuild_.moved(old_value).id()).producer;
    if (producer < 0) return nullptr;
    const Graph::Node& node = to.nodes()[size_t(producer)];
    const auto* op = dynamic_cast<const T*>(node.op.get());
    return op && op->activation == Activation::none ? &node : nullptr;
  }

  // Makes the node anew with what `change` adds to it; the former one is read by nobody any more.
  template <class Change>
  void replace(int old_value, const Graph::Node& node, const Change& change) {
    auto op = std::make_shared<T>(static_cast<const T&>(*node.op));
    std::vector<Value> in;
    for (int v : node.in) in.push_back(rebuild_.to().value(v));
    change(*op, in);
    rebuild_.replace(old_value, rebuild_.apply(std::string(node.name), std::move(op), in)[0]);
  }

  Rebuilder rebuild_;
};

}  // namespace

Rewritten fuse_epilogue(const Graph& graph, std::span<const int> keep) {
  return EpilogueFusion<Conv3dOp>(graph, keep).run();
}

Rewritten rewrite_for_training(const Graph& graph, std::span<const int> keep) {
  return EpilogueFusion<BatchNormApplyOp>(graph, keep).run();
}

}  // namespace sf
