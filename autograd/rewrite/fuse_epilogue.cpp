#include "autograd/ops/conv3d.h"
#include "autograd/ops/pointwise.h"
#include "autograd/rewrite/rewrite.h"

namespace sf {
namespace {

// The convolution that makes a value in the new graph, if the node in hand is the only reader of
// its result.
const Graph::Node* convolution(Rebuilder& rebuild, int old_value) {
  if (rebuild.uses(old_value) != 1) return nullptr;
  const Graph& to = rebuild.to();
  const int producer = to.info(rebuild.moved(old_value).id()).producer;
  if (producer < 0) return nullptr;
  const Graph::Node& node = to.nodes()[size_t(producer)];
  const auto* conv = dynamic_cast<const Conv3dOp*>(node.op.get());
  return conv && conv->activation == Activation::none ? &node : nullptr;
}

// Makes the convolution anew with what `change` adds to it; the former one is read by nobody any
// more.
template <class Change>
Value changed(Rebuilder& rebuild, const Graph::Node& node, const Change& change) {
  auto op = std::make_shared<Conv3dOp>(static_cast<const Conv3dOp&>(*node.op));
  std::vector<Value> in;
  for (int v : node.in) in.push_back(rebuild.to().value(v));
  change(*op, in);
  return rebuild.apply(std::string(node.name), std::move(op), in);
}

}  // namespace

Rewritten fuse_epilogue(const Graph& graph, std::span<const int> keep) {
  Rebuilder rebuild(graph, keep);
  return rebuild.run([&](const Graph::Node& node) {
    const auto* binary = dynamic_cast<const BinaryOp*>(node.op.get());
    if (binary && binary->kind == BinaryKind::add) {
      for (size_t side : {0, 1}) {
        const Graph::Node* conv = convolution(rebuild, node.in[side]);
        if (!conv || static_cast<const Conv3dOp&>(*conv->op).residual) continue;
        const Value residual = rebuild.moved(node.in[1 - side]);
        rebuild.replace(node.out[0],
                        changed(rebuild, *conv, [&](Conv3dOp& op, std::vector<Value>& in) {
                          op.residual = true;
                          in.push_back(residual);
                        }));
        return true;
      }
    }
    const auto* unary = dynamic_cast<const UnaryOp*>(node.op.get());
    if (unary && unary->kind == UnaryKind::relu) {
      const Graph::Node* conv = convolution(rebuild, node.in[0]);
      if (!conv) return false;
      rebuild.replace(node.out[0], changed(rebuild, *conv, [](Conv3dOp& op, auto&) {
                        op.activation = Activation::relu;
                      }));
      return true;
    }
    return false;
  });
}

}  // namespace sf
