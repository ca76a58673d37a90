#include "autograd/plan/placement.h"

#include <algorithm>
#include <set>

#include "autograd/plan/arena.h"

namespace sf {

Placement::Placement(const Graph& graph, std::span<const int> order,
                     const std::vector<bool>& frozen, const Lanes& lanes, FrameChains chains,
                     std::span<const int> outputs, const PlacementOptions& options)
    : graph_(&graph),
      frozen_(frozen),
      chains_(std::move(chains)),
      options_(options),
      readers_(size_t(graph.value_count())) {
  for (int n : order)
    for (int in : graph.nodes()[size_t(n)].in) readers_[size_t(in)].push_back(n);
  if (options.reuse) {
    join_concatenations(order);
    for (int n : order) lay_out(graph.nodes()[size_t(n)], outputs);
  }
  place(order, lanes, outputs);
}

int Placement::whole(int value) const {
  for (auto s = slices_.find(value); s != slices_.end(); s = slices_.find(value))
    value = s->second.joined;
  return value;
}

int64_t Placement::pitch(int value) const {
  for (auto s = slices_.find(value); s != slices_.end() && !s->second.dense;
       s = slices_.find(value))
    value = s->second.joined;
  return graph_->info(value).type.shape.channels();
}

std::optional<size_t> Placement::offset(int value) const {
  size_t bytes = 0;
  for (auto s = slices_.find(value); s != slices_.end(); s = slices_.find(value)) {
    bytes += size_t(s->second.first) * size_of(graph_->info(value).type.dtype);
    value = s->second.joined;
  }
  const auto at = offsets_.find(value);
  if (at == offsets_.end()) return {};
  return at->second + bytes;
}

OpSite Placement::site(int node) const {
  OpSite site = whole_site(node);
  if (chains_.chain(node)) {
    const auto& [op, in, out, name] = graph_->nodes()[size_t(node)];
    for (size_t i = 0; i < in.size(); ++i) site.in[i].type = chains_.piece(node, in[i]);
    for (size_t i = 0; i < out.size(); ++i) site.out[i].type = chains_.piece(node, out[i]);
  }
  return site;
}

OpSite Placement::whole_site(int number) const {
  const auto port = [&](int v) {
    return OpSite::Port{graph_->info(v).type, pitch(v), bool(frozen_[size_t(v)]), offset(v)};
  };
  const auto& node = graph_->nodes()[size_t(number)];
  OpSite site;
  for (int in : node.in) site.in.push_back(port(in));
  for (int out : node.out) site.out.push_back(port(out));
  site.backend = options_.backend;
  site.kernels = options_.kernels;
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
      return node.op->inputs_live_in_output() || node.op->takes_pitch(tried.site(n));
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

// What else reads an input would see the output's values once they change.
void Placement::lay_out(const Graph::Node& node, std::span<const int> outputs) {
  const auto in = node.op->inputs_laid_out(), out = node.op->outputs_laid_out();
  for (size_t i = 0; i < in.size(); ++i) {
    const int v = node.in[i];
    const bool fixed = graph_->info(v).producer < 0 || frozen_[size_t(v)] || slices_.contains(v);
    if (fixed || readers_[size_t(v)].size() > 1 || std::ranges::count(outputs, v) > 0) continue;
    slices_[v] = {.joined = node.out[0], .first = in[i], .dense = true};
  }
  for (size_t o = 0; o < out.size(); ++o)
    slices_[node.out[o]] = {.joined = node.in[0], .first = out[o], .dense = true};
}

std::map<int, std::vector<int>> Placement::touched_by_nodes(std::span<const int> order) const {
  std::map<int, std::vector<int>> users;
  for (int n : order) {
    const auto& node = graph_->nodes()[size_t(n)];
    if (hoisted(node)) continue;
    for (const auto* values : {&node.in, &node.out})
      for (int v : *values)
        if (auto& u = users[whole(v)]; u.empty() || u.back() != n) u.push_back(n);
  }
  std::erase_if(users, [&](const auto& entry) {
    return graph_->info(entry.first).state || frozen_[size_t(entry.first)];
  });
  return users;
}

size_t Placement::bytes_of(int value) const {
  const auto& info = graph_->info(value);
  if (!chains_.inner(value)) return size_t(info.type.bytes());
  return size_t(chains_.kept_pieces(value) * chains_.piece(info.producer, value).bytes());
}

void Placement::place(std::span<const int> order, const Lanes& lanes,
                      std::span<const int> outputs) {
  auto users = touched_by_nodes(order);  // in order
  std::set<int> kept;
  for (int v : outputs) {
    kept.insert(whole(v));
    if (!graph_->info(whole(v)).state && !frozen_[size_t(whole(v))]) users[whole(v)];
  }
  // What a chain shares with others, or keeps from piece to piece, lives as long as all of it.
  const auto lives_for_a_piece = [&](int v) {
    return chains_.inner(v) && chains_.kept_pieces(v) == 1;
  };
  const auto first_life = [&](int v, int n) { return lives_for_a_piece(v) ? n : chains_.first(n); };
  const auto last_life = [&](int v, int n) { return lives_for_a_piece(v) ? n : chains_.last(n); };

  ArenaAllocator arena(kAlignment);
  const auto take = [&](int v) {
    Clock start = lanes.start(first_life(v, users[v].front()));
    for (int user : users[v]) start = shared(std::move(start), lanes.start(user));
    return arena.take(bytes_of(v), start);
  };
  const auto give = [&](int v) {
    Clock end = lanes.end(last_life(v, users[v].front()));
    for (int user : users[v]) end = joined(std::move(end), lanes.end(last_life(v, user)));
    arena.give(offsets_[v], bytes_of(v), end);
  };

  // By node: outputs whose life starts there, and what ends there.
  struct Output {
    int node;
    size_t number;
  };
  std::map<int, std::vector<Output>> starts;
  std::map<int, std::set<int>> ends;
  for (int n : order) {
    const auto& node = graph_->nodes()[size_t(n)];
    if (hoisted(node)) continue;
    for (size_t o = 0; o < node.out.size(); ++o)
      starts[first_life(whole(node.out[o]), n)].push_back({n, o});
  }
  for (const auto& [v, nodes] : users) {
    const bool fed = graph_->info(v).producer < 0;
    if (fed) offsets_[v] = arena.take(bytes_of(v));
    // What was fed stays, so that a plan can run again.
    if (options_.reuse && !fed && !kept.contains(v)) ends[last_life(v, nodes.back())].insert(v);
  }

  for (int n : order) {
    for (const auto& [user, o] : starts[n]) {
      const auto& node = graph_->nodes()[size_t(user)];
      const int out = whole(node.out[o]);
      if (offsets_.contains(out)) continue;
      const auto r = node.op->reuses_input();
      const int over = o == 0 && r ? node.in[size_t(*r)] : -1;
      std::set<int>& dead = ends[last_life(out, user)];
      const auto is_done = [&](int other) { return other == user || lanes.before(other, user); };
      if (over >= 0 && whole(over) == over && dead.contains(over) && out == node.out[0] &&
          bytes_of(over) == bytes_of(out) && std::ranges::count(node.in, over) == 1 &&
          std::ranges::all_of(users[over], is_done)) {
        offsets_[out] = offsets_[over];
        dead.erase(over);
      } else {
        offsets_[out] = take(out);
      }
    }
    for (int v : ends[n]) give(v);
  }
  bytes_ = arena.bytes();
}

}  // namespace sf
