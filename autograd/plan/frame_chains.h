// Which steps of a plan run depth first: a few frames through all of them, then the next few, so
// that what one step makes is still in the caches when the next one reads it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "autograd/graph.h"

namespace sf {

// Activations of a step that fill the second level caches of all cores, and as much again: the same
// for any number of threads, so that kernels and results are.
int64_t piece_bytes_for_caches();

// Chains of consecutive steps of which each makes a frame of its output of the same frame of its
// inputs (Op::inputs_by_frames), weights being states or frozen. The last step may make it of
// several frames, then it follows so many pieces of the others. Steps whose weights are large
// beside a frame are in none: the weights would come from memory once a piece.
class FrameChains {
 public:
  struct Chain {
    std::vector<int> nodes;  // in order
    int64_t pieces = 1;      // at least two, of the frames of all clips, one behind another
    int64_t joined = 1;      // pieces of the others that the last node takes at once
  };

  FrameChains() = default;
  // order: the nodes of a plan, and frozen those of its values that no step makes. A piece has as
  // many frames as have piece_bytes of activations, more than 0, in the step that has most.
  FrameChains(const Graph& graph, std::span<const int> order, const std::vector<bool>& frozen,
              std::span<const int> outputs, int64_t piece_bytes);

  // Null for a node that runs on its own.
  const Chain* chain(int node) const;
  // What a node of a chain works on one by one.
  int64_t pieces(int node) const;
  // Of the node's chain; the node itself where it runs on its own.
  int first(int node) const;
  int last(int node) const;
  // Whether a value is made and read within one chain: it has memory for what is kept of it alone.
  bool inner(int value) const { return inner_.size() > size_t(value) && inner_[size_t(value)]; }
  // Of the pieces of an inner value: those that the last node joins, or one, which is done with
  // before the next one is made.
  int64_t kept_pieces(int value) const;
  // What a node of a chain sees of a value: some frames, or all of a state or of what is frozen.
  TensorType piece(int node, int value) const;
  // Bytes from the memory of the value to that of the node's piece, for a value with that pitch.
  size_t piece_offset(int node, int value, int64_t piece, int64_t pitch) const;

 private:
  // Of all clips, in the inputs and in the output of a node.
  struct Frames {
    int64_t in, out;
  };

  bool has_frames(int value) const;
  std::optional<Frames> frames(int node) const;
  void add(std::span<const int> nodes, std::span<const int> outputs, int64_t piece_bytes);

  const Graph* graph_ = nullptr;
  std::vector<bool> frozen_;
  std::vector<std::vector<int>> readers_;  // by value: nodes of the order
  std::vector<Chain> chains_;
  std::vector<int> chain_of_;  // by node, -1: none
  std::vector<bool> inner_;    // by value
};

}  // namespace sf
