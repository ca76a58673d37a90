#include "autograd/plan/frame_chains.h"

#include <algorithm>
#include <numeric>

#include "autograd/plan/order.h"
#include "kernels/base/machine.h"

namespace sf {
namespace {

// A frame has to have so many times the bytes of a step's weights.
constexpr int64_t kFramePerWeights = 4;
// The largest tensor within a chain has to have so many times the bytes of a piece: a smaller one
// stays in the last level cache from one step to the next anyhow.
constexpr int64_t kPiecesPerInner = 4;

int64_t frames_of(const Shape& s) { return s[0] * s[1]; }

}  // namespace

int64_t piece_bytes_for_caches() { return 2 * second_level_caches_bytes(); }

FrameChains::FrameChains(const Graph& graph, std::span<const int> order,
                         const std::vector<bool>& frozen, std::span<const int> outputs,
                         int64_t piece_bytes)
    : graph_(&graph),
      frozen_(frozen),
      readers_(size_t(graph.value_count())),
      chain_of_(graph.nodes().size(), -1),
      inner_(size_t(graph.value_count())) {
  std::vector<int> steps;
  for (int n : order) {
    for (int in : graph.nodes()[size_t(n)].in) readers_[size_t(in)].push_back(n);
    if (!hoisted(graph.nodes()[size_t(n)], frozen)) steps.push_back(n);
  }
  for (size_t begin = 0; begin < steps.size();) {
    const auto first = frames(steps[begin]);
    size_t end = begin + 1;
    for (auto last = first; last && last->in == last->out && end < steps.size(); ++end) {
      last = frames(steps[end]);
      if (!last || last->in != first->in) break;
    }
    if (first) add(std::span(steps).subspan(begin, end - begin), outputs, piece_bytes);
    begin = end;
  }
}

bool FrameChains::has_frames(int value) const {
  return !graph_->info(value).state && !frozen_[size_t(value)];
}

// Empty where the node may not be in a chain.
std::optional<FrameChains::Frames> FrameChains::frames(int number) const {
  const auto& node = graph_->nodes()[size_t(number)];
  if (!node.op->written_inputs().empty() || node.out.size() != 1) return {};
  const TensorType& out = graph_->info(node.out[0]).type;
  if (out.shape.rank() != 5 || out.shape.numel() == 0) return {};
  std::vector<TensorType> types;
  for (int v : node.in) types.push_back(graph_->info(v).type);
  const std::vector<int> by_frames = node.op->inputs_by_frames(types);
  if (by_frames.empty()) return {};
  const Frames all{frames_of(types[size_t(by_frames[0])].shape), frames_of(out.shape)};
  int64_t activations = out.bytes(), weights = 0;
  for (size_t i = 0; i < types.size(); ++i) {
    const bool cut = std::ranges::count(by_frames, int(i)) > 0;
    if (cut != has_frames(node.in[i])) return {};
    if (cut && frames_of(types[i].shape) != all.in) return {};
    (cut ? activations : weights) += types[i].bytes();
  }
  if (activations / all.in < kFramePerWeights * weights) return {};
  return all;
}

void FrameChains::add(std::span<const int> nodes, std::span<const int> outputs,
                      int64_t piece_bytes) {
  const auto within = [&](int n) { return std::ranges::binary_search(nodes, n); };
  const auto inner = [&](int v) {
    return has_frames(v) && within(graph_->info(v).producer) &&
           std::ranges::all_of(readers_[size_t(v)], within) && std::ranges::count(outputs, v) == 0;
  };
  const auto gains = [&](int n) {
    const auto& node = graph_->nodes()[size_t(n)];
    return std::ranges::any_of(node.in, inner) || std::ranges::any_of(node.out, inner);
  };
  while (!nodes.empty() && !gains(nodes.front())) nodes = nodes.subspan(1);
  while (!nodes.empty() && !gains(nodes.back())) nodes = nodes.first(nodes.size() - 1);

  int64_t most = 0;  // bytes of activations of one step
  int64_t most_inner = 0;
  for (int n : nodes) {
    const auto& node = graph_->nodes()[size_t(n)];
    const auto bytes_of = [&](int v) { return has_frames(v) ? graph_->info(v).type.bytes() : 0; };
    int64_t bytes = bytes_of(node.out[0]);
    if (inner(node.out[0])) most_inner = std::max(most_inner, bytes);
    for (int v : node.in) bytes += bytes_of(v);
    most = std::max(most, bytes);
  }
  if (most_inner == 0 || most_inner < kPiecesPerInner * piece_bytes) return;
  const Frames last = *frames(nodes.back());
  int64_t pieces = last.in;
  while (pieces > 1 && (last.in % pieces != 0 || most / pieces < piece_bytes)) --pieces;
  if (pieces == 1) return;
  // Whole frames of the last output.
  const int64_t joined = pieces / std::gcd(pieces, last.out);
  for (int n : nodes) {
    chain_of_[size_t(n)] = int(chains_.size());
    const int out = graph_->nodes()[size_t(n)].out[0];
    inner_[size_t(out)] = inner(out);
  }
  chains_.push_back({{nodes.begin(), nodes.end()}, pieces, joined});
}

const FrameChains::Chain* FrameChains::chain(int node) const {
  const int c = chain_of_.empty() ? -1 : chain_of_[size_t(node)];
  return c < 0 ? nullptr : &chains_[size_t(c)];
}

int64_t FrameChains::pieces(int node) const {
  const Chain* of = chain(node);
  return node == of->nodes.back() ? of->pieces / of->joined : of->pieces;
}

int FrameChains::first(int node) const {
  const Chain* of = chain(node);
  return of ? of->nodes.front() : node;
}

int FrameChains::last(int node) const {
  const Chain* of = chain(node);
  return of ? of->nodes.back() : node;
}

int64_t FrameChains::kept_pieces(int value) const {
  const Chain& of = *chain(graph_->info(value).producer);
  return std::ranges::count(readers_[size_t(value)], of.nodes.back()) > 0 ? of.joined : 1;
}

TensorType FrameChains::piece(int node, int value) const {
  TensorType type = graph_->info(value).type;
  if (!has_frames(value)) return type;
  const int64_t all = frames_of(type.shape);
  type.shape.set(0, 1);
  type.shape.set(1, all / pieces(node));
  return type;
}

size_t FrameChains::piece_offset(int node, int value, int64_t piece, int64_t pitch) const {
  if (!has_frames(value)) return 0;
  if (inner(value)) piece = pieces(node) == chain(node)->pieces ? piece % kept_pieces(value) : 0;
  const TensorType type = this->piece(node, value);
  return size_t(piece * type.shape.pixels() * pitch) * size_of(type.dtype);
}

}  // namespace sf
