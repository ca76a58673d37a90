#include "autograd/rewrite/rewrite.h"

#include "autograd/plan/order.h"

namespace sf {

Rebuilder::Rebuilder(const Graph& from, std::span<const int> keep)
    : from_(from),
      order_(execution_order(from, keep)),
      uses_(size_t(from.value_count())),
      result_{std::make_unique<Graph>(), {}} {
  result_.moved.resize(size_t(from.value_count()));
  for (int n : order_)
    for (int in : from.nodes()[size_t(n)].in) ++uses_[size_t(in)];
  for (int v : keep) ++uses_[size_t(v)];
}

Value Rebuilder::moved(int value) {
  Value& now = result_.moved[size_t(value)];
  if (now) return now;
  const auto& info = from_.info(value);
  SF_CHECK(info.producer < 0, "rewrite: '", info.name, "' is used but no longer made");
  now = info.state ? to().state(info.state, info.name, info.variable)
                   : to().input(info.name, info.type);
  return now;
}

std::vector<Value> Rebuilder::moved(std::span<const int> values) {
  std::vector<Value> out;
  for (int v : values) out.push_back(moved(v));
  return out;
}

std::vector<Value> Rebuilder::apply(const std::string& name, std::shared_ptr<const Op> op,
                                    std::span<const Value> in) {
  Graph::Scope scope(to(), name);
  return to().apply(std::move(op), in);
}

void Rebuilder::copy(const Graph::Node& node, std::span<const Value> in) {
  const auto out = apply(node.name, node.op, in);
  for (size_t i = 0; i < out.size(); ++i) replace(node.out[i], out[i]);
}

Rewritten Rebuilder::run(const std::function<bool(const Graph::Node&)>& visit) {
  for (int v = 0; v < from_.value_count(); ++v)
    if (from_.info(v).producer < 0) moved(v);
  for (int n : order_) {
    const auto& node = from_.nodes()[size_t(n)];
    if (!visit(node)) copy(node, moved(node.in));
  }
  for (const auto& [name, value] : from_.marks())
    if (Value now = result_.moved[size_t(value)]) to().mark(name, now);
  return std::move(result_);
}

Rewritten Rewritten::then(Rewritten next) && {
  for (Value& v : moved)
    if (v) v = next[v];
  return {std::move(next.graph), std::move(moved)};
}

Rewritten rewrite_for_inference(const Graph& graph, std::span<const int> keep, bool keep_marks) {
  std::vector<int> kept(keep.begin(), keep.end());
  if (keep_marks)
    for (const auto& [name, value] : graph.marks()) kept.push_back(value);
  Rewritten folded = fold_batch_norm(graph, kept);
  for (int& v : kept) v = folded.moved[size_t(v)].id();
  Rewritten fused = fuse_epilogue(*folded.graph, kept);
  return std::move(folded).then(std::move(fused));
}

}  // namespace sf
