#include "autograd/gradients.h"

#include <algorithm>
#include <map>

#include "autograd/ops/cast.h"
#include "autograd/ops/constant.h"
#include "autograd/ops/pointwise.h"

namespace sf {
namespace {

// By value id: whether it depends on one of `wrt`.
std::vector<bool> dependents(const Graph& graph, std::span<const Value> wrt) {
  std::vector<bool> depends(size_t(graph.value_count()));
  for (const Value& v : wrt) depends[size_t(v.id())] = true;
  for (const Graph::Node& node : graph.nodes()) {
    if (std::ranges::none_of(node.in, [&](int in) { return depends[size_t(in)]; })) continue;
    for (int out : node.out) depends[size_t(out)] = true;
  }
  return depends;
}

bool is_cast(const Graph& graph, int value) {
  const int producer = graph.info(value).producer;
  return producer >= 0 && dynamic_cast<const CastOp*>(graph.nodes()[size_t(producer)].op.get());
}

// The number of the first node that reads each of `wrt`, with its place there.
std::multimap<size_t, size_t> first_readers(const Graph& graph, std::span<const Value> wrt) {
  std::map<int, size_t> places;
  for (size_t i = 0; i < wrt.size(); ++i) places[wrt[i].id()] = i;
  std::multimap<size_t, size_t> first;
  for (size_t n = 0; n < graph.nodes().size() && !places.empty(); ++n)
    for (int in : graph.nodes()[n].in)
      if (const auto found = places.find(in); found != places.end()) {
        first.emplace(n, found->second);
        places.erase(found);
      }
  return first;
}

// Appends what node n passes on to its inputs. By value id: depends, whether a gradient is wanted;
// grads, the sums so far.
void pass_on(Graph& graph, size_t n, const std::vector<bool>& depends, std::vector<Value>& grads) {
  const Graph::Node node = graph.nodes()[n];  // a copy: nodes are appended below
  GradSite site;
  for (int in : node.in) {
    site.in.push_back(graph.value(in));
    site.needed.push_back(depends[size_t(in)]);
  }
  for (int out : node.out) {
    site.out.push_back(graph.value(out));
    site.out_grad.push_back(grads[size_t(out)]);
  }
  const auto is_set = [](const Value& v) { return bool(v); };
  if (std::ranges::none_of(site.out_grad, is_set) ||
      std::ranges::none_of(site.needed, [](bool needed) { return needed; }))
    return;
  const Graph::Scope scope(graph, node.name + ".grad");
  const std::vector<Value> in_grads = node.op->grad(site);
  SF_CHECK(in_grads.size() == node.in.size(), node.name, ": ", node.op->name(), " has ",
           node.in.size(), " inputs but gave ", in_grads.size(), " gradients");
  for (size_t i = 0; i < in_grads.size(); ++i) {
    if (!site.needed[i] || !in_grads[i]) continue;
    const TensorType &wanted = site.in[i].type(), &found = in_grads[i].type();
    SF_CHECK(found == wanted || found == (TensorType{wanted.shape, arithmetic_of(wanted.dtype)}),
             node.name, ": the gradient of input ", i, " of ", node.op->name(), " is ", found,
             ", wanted ", wanted);
    // A weight that was cast from a float32 master passes its gradient on unrounded.
    const Value gradient =
        is_cast(graph, node.in[i]) ? in_grads[i] : cast(in_grads[i], wanted.dtype);
    Value& sum = grads[size_t(node.in[i])];
    sum = sum ? add(sum, gradient) : gradient;
  }
}

}  // namespace

std::vector<Value> gradients(Value loss, std::span<const Value> wrt, Value seed,
                             const std::function<void(size_t i, Value gradient)>& ready) {
  Graph& graph = loss.graph();
  SF_CHECK(seed || loss.shape().numel() == 1, "gradients: wanted a loss of one element, found ",
           loss.shape());
  SF_CHECK(!seed || seed.type() == loss.type(), "gradients: wanted a seed ", loss.type(),
           ", found ", seed ? cat(seed.type()) : "none");
  const std::vector<bool> depends = dependents(graph, wrt);
  const auto first_reader = first_readers(graph, wrt);
  const size_t nodes = graph.nodes().size();
  std::vector<Value> grads(size_t(graph.value_count()));
  grads[size_t(loss.id())] = seed ? seed : constant(graph, loss.type(), 1);

  for (size_t n = nodes; n-- > 0;) {
    pass_on(graph, n, depends, grads);
    const auto [begin, end] = first_reader.equal_range(n);
    for (auto at = begin; ready && at != end; ++at)
      if (const Value whole = grads[size_t(wrt[at->second].id())]) ready(at->second, whole);
  }
  std::vector<Value> result;
  for (const Value& v : wrt) result.push_back(grads[size_t(v.id())]);
  return result;
}

}  // namespace sf
