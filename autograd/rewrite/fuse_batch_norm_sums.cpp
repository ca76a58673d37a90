#include <map>

#include "autograd/ops/batch_norm_training.h"
#include "autograd/ops/conv3d.h"
#include "autograd/ops/lower.h"
#include "autograd/rewrite/rewrite.h"

namespace sf {
namespace {

// By value: the batch norm's sums over it.
std::map<int, int> sums_by_value(const Rebuilder& rebuild) {
  std::map<int, int> sums;
  for (const Graph::Node& node : rebuild.from().nodes()) {
    const auto* op = dynamic_cast<const BatchNormSumsOp*>(node.op.get());
    if (op && op->splits() == 1 && rebuild.uses(node.out[0]) > 0)
      sums.emplace(node.in[0], node.out[0]);
  }
  return sums;
}

// Whether the kernel that the convolution runs with on that backend anyhow gathers sums too.
bool gathers_sums(const Graph& graph, const Graph::Node& node, Backend backend) {
  OpSite site;
  site.backend = backend;
  for (int v : node.in) site.in.push_back({.type = graph.info(v).type});
  site.out.push_back({.type = graph.info(node.out[0]).type});
  Conv3dProblem p = static_cast<const Conv3dOp&>(*node.op).problem(dense(site));
  const auto* plain = select(conv3d_kernels(backend), p);
  p.sums = true;
  const auto* gathering = select(conv3d_kernels(backend), p);
  return plain && gathering && plain->name == gathering->name;
}

}  // namespace

Rewritten fuse_batch_norm_sums(const Graph& graph, std::span<const int> keep, Backend backend) {
  Rebuilder rebuild(graph, keep);
  const std::map<int, int> sums = sums_by_value(rebuild);
  return rebuild.run([&](const Graph::Node& node) {
    if (dynamic_cast<const BatchNormSumsOp*>(node.op.get())) return rebuild.is_made(node.out[0]);
    const auto* conv = dynamic_cast<const Conv3dOp*>(node.op.get());
    const auto found = conv ? sums.find(node.out[0]) : sums.end();
    if (found == sums.end() || !gathers_sums(graph, node, backend)) return false;
    auto op = std::make_shared<Conv3dOp>(*conv);
    op->sums = true;
    const auto out = rebuild.apply(node.name, std::move(op), rebuild.moved(node.in));
    rebuild.replace(node.out[0], out[0]);
    rebuild.replace(found->second, out[1]);
    return true;
  });
}

}  // namespace sf
