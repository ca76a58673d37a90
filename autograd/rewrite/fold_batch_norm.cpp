#include "autograd/ops/batch_norm.h"
#include "autograd/ops/conv3d.h"
#include "autograd/rewrite/rewrite.h"

namespace sf {

Rewritten fold_batch_norm(const Graph& graph, std::span<const int> keep) {
  Rebuilder rebuild(graph, keep);
  return rebuild.run([&](const Graph::Node& node) {
    const auto* norm = dynamic_cast<const BatchNormOp*>(node.op.get());
    if (!norm) return false;
    const Graph::Node* conv = rebuild.producer<Conv3dOp>(node.in[0]);
    if (!conv || rebuild.uses(node.in[0]) != 1) return false;
    const auto& old = static_cast<const Conv3dOp&>(*conv->op);
    if (old.residual || old.activation != Activation::none) return false;

    Graph::Scope scope(rebuild.to(), conv->name);
    const auto in = rebuild.moved(conv->in);
    const auto norm_in = rebuild.moved(node.in);  // x, gamma, beta, mean, var
    const BatchNormStatistics statistics{norm_in[1], norm_in[2], norm_in[3], norm_in[4],
                                         norm->epsilon};
    const Value weight = fold_scale(in[1], statistics);
    const Value bias = fold_bias(statistics, old.bias ? in[2] : Value{});
    rebuild.replace(node.out[0], conv3d(in[0], weight, old.params, bias));
    return true;
  });
}

}  // namespace sf
