#include <algorithm>
#include <set>

#include "autograd/rewrite/rewrite.h"

namespace sf {
namespace {

class Recomputation {
 public:
  Recomputation(const Graph& graph, Value loss, std::span<const int> keep)
      : rebuild_(graph, keep),
        forward_(graph.nodes().size()),
        repeats_(size_t(graph.value_count())),
        repeated_(size_t(graph.value_count())) {
    find_forward(loss.id());
    find_repeats(keep);
  }

  Rewritten run() {
    return rebuild_.run([&](const Graph::Node& node) {
      const bool forward = forward_[number(node)];
      if (!forward) {
        std::vector<Value> in;
        for (int v : node.in) in.push_back(at_hand(v));
        rebuild_.copy(node, in);
      }
      for (int i : node.op->written_inputs()) written_.insert(node.in[size_t(i)]);
      return !forward;
    });
  }

 private:
  const Graph& from() const { return rebuild_.from(); }
  size_t number(const Graph::Node& node) const { return size_t(&node - from().nodes().data()); }

  // The nodes that the loss needs.
  void find_forward(int loss) {
    std::vector<bool> needed(size_t(from().value_count()));
    needed[size_t(loss)] = true;
    for (size_t n = from().nodes().size(); n-- > 0;) {
      const Graph::Node& node = from().nodes()[n];
      forward_[n] = std::ranges::any_of(node.out, [&](int v) { return needed[size_t(v)]; });
      if (!forward_[n]) continue;
      for (int v : node.in) needed[size_t(v)] = true;
    }
  }

  // What cheap nodes make of values that are in the backward part anyhow: kept, fed, states, read
  // there, or made again themselves.
  void find_repeats(std::span<const int> keep) {
    std::vector<bool> there(size_t(from().value_count()));
    for (int v = 0; v < from().value_count(); ++v) there[size_t(v)] = from().info(v).producer < 0;
    for (int v : keep) there[size_t(v)] = true;
    for (const Graph::Node& node : from().nodes())
      if (!forward_[number(node)])
        for (int v : node.in) there[size_t(v)] = true;
    for (const Graph::Node& node : from().nodes()) {
      if (!forward_[number(node)] || !node.op->cheap()) continue;
      if (!std::ranges::all_of(node.in, [&](int v) { return there[size_t(v)]; })) continue;
      for (int v : node.out) there[size_t(v)] = repeats_[size_t(v)] = true;
    }
    for (int v : keep) repeats_[size_t(v)] = false;
  }

  // The value for a node of the backward part, made again just before its first reader there unless
  // a state that it came from has changed since.
  Value at_hand(int value) {
    if (!repeats_[size_t(value)]) return rebuild_.moved(value);
    if (const Value known = repeated_[size_t(value)]) return known;
    const Graph::Node& node = from().nodes()[size_t(from().info(value).producer)];
    if (std::ranges::any_of(node.in, [&](int v) { return written_.contains(v); }))
      return rebuild_.moved(value);
    std::vector<Value> in;
    for (int v : node.in) in.push_back(at_hand(v));
    const auto out = rebuild_.apply(node.name + ".again", node.op, in);
    for (size_t i = 0; i < out.size(); ++i) repeated_[size_t(node.out[i])] = out[i];
    return repeated_[size_t(value)];
  }

  Rebuilder rebuild_;
  std::vector<bool> forward_;    // by node
  std::vector<bool> repeats_;    // by old value: made again if the backward part needs it
  std::vector<Value> repeated_;  // by old value
  std::set<int> written_;        // states that nodes so far have changed
};

}  // namespace

Rewritten recompute_cheap_values(const Graph& graph, Value loss, std::span<const int> keep) {
  return Recomputation(graph, loss, keep).run();
}

}  // namespace sf
