// Where every value of a plan lives.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "autograd/graph.h"
#include "autograd/plan/frame_chains.h"
#include "autograd/plan/lanes.h"
#include "autograd/plan/order.h"

namespace sf {

struct PlacementOptions {
  Backend backend = Backend::cpu;
  KernelChoice kernels{};
  bool reuse = true;  // of memory whose value nothing reads any more
};

// Offsets in one arena, found by best fit over the life times of the values. Memory is used again
// only where all that used it before come before all that use it then, whatever the lanes do.
class Placement {
 public:
  Placement() = default;
  Placement(const Graph& graph, std::span<const int> order, const std::vector<bool>& frozen,
            const Lanes& lanes, FrameChains chains, std::span<const int> outputs,
            const PlacementOptions& options);

  // The ports of a node with the pitches and offsets that the placement gives them; in a chain
  // those of its first piece.
  OpSite site(int node) const;
  // The same as if the node ran whole.
  OpSite whole_site(int node) const;
  const FrameChains& chains() const { return chains_; }
  // Byte offset of the first element; empty for states, constants and values that are not needed.
  std::optional<size_t> offset(int value) const;
  // Elements from one pixel to the next.
  int64_t pitch(int value) const;
  size_t bytes() const { return bytes_; }
  int slice_count() const { return int(slices_.size()); }

  static constexpr size_t kAlignment = 64;

 private:
  struct Slice {
    int joined;
    int64_t first;       // element of a pixel of the joined tensor, or of all of it
    bool dense = false;  // laid out whole, with a pitch of its own
  };

  void join_concatenations(std::span<const int> order);
  void lay_out(const Graph::Node& node, std::span<const int> outputs);
  bool can_join(int value, const Graph::Node& concat, int64_t channel) const;
  // What a node touches, by whole values, without states and what is frozen.
  std::map<int, std::vector<int>> touched_by_nodes(std::span<const int> order) const;
  // Of memory: what a value that lives in a chain takes for a piece.
  size_t bytes_of(int value) const;
  void place(std::span<const int> order, const Lanes& lanes, std::span<const int> outputs);
  bool hoisted(const Graph::Node& node) const { return sf::hoisted(node, frozen_); }
  int whole(int value) const;  // the outermost tensor that the value is a slice of

  const Graph* graph_ = nullptr;
  std::vector<bool> frozen_;
  FrameChains chains_;
  PlacementOptions options_;
  std::vector<std::vector<int>> readers_;  // by value: nodes of the order
  std::map<int, Slice> slices_;
  std::map<int, size_t> offsets_;
  size_t bytes_ = 0;
};

}  // namespace sf
