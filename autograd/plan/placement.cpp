#include "autograd/plan/placement.h"

#include <algorithm>
#include <limits>

#include "autograd/plan/arena.h"

namespace sf {

std::vector<int> execution_order(const Graph& graph, std::span<const int> outputs) {
  std::vector<bool> needed(graph.nodes().size());
  const auto need = [&](int value) {
    if (const int n = graph.info(value).producer; n >= 0) needed[size_t(n)] = true;
  };
  for (int v : outputs) need(v);
  for (size_t n = graph.nodes().size(); n-- > 0;) {
    const auto& node = graph.nodes()[n];
    if (!node.op->written_inputs().empty()) needed[n] = true;
    if (needed[n])
      for (int in : node.in) need(in);
  }
  std::vector<int> order;
  for (size_t n = 0; n < needed.size(); ++n)
    if (needed[n]) order.push_back(int(n));
  return order;
}

std::vector<bool> frozen_values(const Graph& graph, std::span<const int> order) {
  std::vector<bool> frozen(size_t(graph.value_count()));
  for (int v = 0; v < graph.value_count(); ++v)
    frozen[size_t(v)] = graph.info(v).state && !graph.info(v).variable;
  for (int n : order) {
    const auto& node = graph.nodes()[size_t(n)];
    for (int i : node.op->written_inputs()) frozen[size_t(node.in[size_t(i)])] = false;
  }
  for (int n : order) {
    const auto& node = graph.nodes()[size_t(n)];
    const bool all = std::ranges::all_of(node.in, [&](int in) { return frozen[size_t(in)]; });
    for (int out : node.out) frozen[size_t(out)] = all;
  }
  return frozen;
}

Placement::Placement(const Graph& graph, std::span<const int> order,
                     const std::vector<bool>& frozen, std::span<const int> outputs,
                     const PlacementOptions& options)
    : graph_(&graph), frozen_(frozen), options_(options), readers_(size_t(graph.value_count())) {
  for (int n : order)
    for (int in : graph.nodes()[size_t(n)].in) readers_[size_t(in)].push_back(n);
  if (options.reuse) join_concatenations(order);
  place(order, outputs);
}

int Placement::whole(int value) const {
  for (auto s = slices_.find(value); s != slices_.end(); s = slices_.find(value))
    value = s->second.joined;
  return value;
}

int64_t Placement::pitch(int value) const {
  return graph_->info(whole(value)).type.shape.channels();
}

std::optional<size_t> Placement::offset(int value) const {
  size_t bytes = 0;
  for (auto s = slices_.find(value); s != slices_.end(); s = slices_.find(value)) {
    bytes += size_t(s->second.channel) * size_of(graph_->info(value).type.dtype);
    value = s->second.joined;
  }
  const auto at = offsets_.find(value);
  if (at == offsets_.end()) return {};
  return at->second + bytes;
}

OpSite Placement::site(const Graph::Node& node) const {
  const auto port = [&](int v) {
    return OpSite::Port{graph_->info(v).type, pitch(v), bool(frozen_[size_t(v)]), offset(v)};
  };
  OpSite site;
  for (int in : node.in) site.in.push_back(port(in));
  for (int out : node.out) site.out.push_back(port(out));
  site.backend = options_.backend;
  site.tf32 = options_.tf32;
  return site;
}

// A value may be produced inside the concatenation if its maker can write, and every other reader
// read, with the pitch of the joined tensor.
bool Placement::can_join(int value, const Graph::Node& concat, int64_t channel) const {
  const auto& info = graph_->info(value);
  if (info.producer < 0 || frozen_[size_t(value)] || slices_.contains(value)) return false;
  if (std::ranges::count(concat.in, value) != 1) return false;
  Placement tried = *this;
  tried.slices_[value] = {concat.out[0], channel};
  const auto takes = [&](int n) {
    const auto& node = graph_->nodes()[size_t(n)];
    try {
      return node.op->inputs_live_in_output() || node.op->takes_pitch(tried.site(node));
    } catch (const NoKernel&) {
      return false;  // the plan says so, with the node's name, where it lowers the op
    }
  };
  return takes(info.producer) && std::ranges::all_of(readers_[size_t(value)], takes);
}

void Placement::join_concatenations(std::span<const int> order) {
  for (size_t i = order.size(); i-- > 0;) {  // outer concatenations first
    const auto& node = graph_->nodes()[size_t(order[i])];
    if (!node.op->inputs_live_in_output() || hoisted(node)) continue;
    int64_t channel = 0;
    for (int in : node.in) {
      if (can_join(in, node, channel)) slices_[in] = {node.out[0], channel};
      channel += graph_->info(in).type.shape.channels();
    }
  }
}

void Placement::place(std::span<const int> order, std::span<const int> outputs) {
  constexpr size_t kForever = std::numeric_limits<size_t>::max();
  std::map<int, size_t> last_use;  // by whole value: the last position in the order that touches it
  for (size_t t = 0; t < order.size(); ++t) {
    const auto& node = graph_->nodes()[size_t(order[t])];
    if (hoisted(node)) continue;
    for (int v : node.in) last_use[whole(v)] = t;
    for (int v : node.out) last_use[whole(v)] = t;
  }
  for (int v : outputs) last_use[whole(v)] = kForever;

  ArenaAllocator arena(kAlignment);
  const auto bytes = [&](int v) { return size_t(graph_->info(v).type.bytes()); };
  const auto needed = [&](int v) {
    return last_use.contains(v) && !graph_->info(v).state && !frozen_[size_t(v)];
  };
  for (int v = 0; v < graph_->value_count(); ++v)
    if (graph_->info(v).producer < 0 && needed(v)) offsets_[v] = arena.take(bytes(v));

  for (size_t t = 0; t < order.size(); ++t) {
    const auto& node = graph_->nodes()[size_t(order[t])];
    if (hoisted(node)) continue;
    // What was fed stays, so that a plan can run again.
    const auto dies_here = [&](int v) {
      return options_.reuse && last_use.at(v) == t && offsets_.contains(v) &&
             graph_->info(v).producer >= 0;
    };
    std::set<int> dead;
    for (int v : node.in)
      if (needed(whole(v)) && dies_here(whole(v))) dead.insert(whole(v));

    for (size_t o = 0; o < node.out.size(); ++o) {
      const int out = whole(node.out[o]);
      if (offsets_.contains(out)) continue;
      const auto r = node.op->reuses_input();
      const int over = o == 0 && r ? node.in[size_t(*r)] : -1;
      if (over >= 0 && whole(over) == over && dead.contains(over) &&
          whole(node.out[0]) == node.out[0] && bytes(over) == bytes(out) &&
          std::ranges::count(node.in, over) == 1) {
        offsets_[out] = offsets_[over];
        dead.erase(over);
      } else {
        offsets_[out] = arena.take(bytes(out));
      }
    }
    for (int v : node.out)
      if (dies_here(whole(v))) dead.insert(whole(v));  // an output that nothing reads
    for (int v : dead) arena.give(offsets_[v], bytes(v));
  }
  bytes_ = arena.bytes();
}

}  // namespace sf
