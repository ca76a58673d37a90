// Passes over graphs. A pass rebuilds a graph and says where the values went; it never edits in
// place.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "autograd/graph.h"

namespace sf {

// Only nodes that the kept values need are carried over.
struct Rewritten {
  std::unique_ptr<Graph> graph;
  std::vector<Value> moved;  // by value id of the old graph; empty where the value no longer exists

  Value operator[](Value old) const { return moved[size_t(old.id())]; }
  // This pass and then `next`, made from this graph, as one.
  Rewritten then(Rewritten next) &&;
};

// Folds the inference form of batch norm into the convolution before it: the new weights and bias
// depend on frozen state alone, so a plan computes them once. The values of `keep` (ids) survive.
Rewritten fold_batch_norm(const Graph& graph, std::span<const int> keep);

// Moves the addition of a residual and a ReLU into the convolution before them.
Rewritten fuse_epilogue(const Graph& graph, std::span<const int> keep);

// All passes for inference in order. Marked values survive if keep_marks is set.
Rewritten rewrite_for_inference(const Graph& graph, std::span<const int> keep,
                                bool keep_marks = false);

// For the forward part of a training step, before its gradients: moves the addition of a residual
// and a ReLU into the batch norm before them.
Rewritten rewrite_for_training(const Graph& graph, std::span<const int> keep);

// Stores activations and weights in a half type, bf16 or f16, as Op::precision() says; arithmetic
// stays float32. States stay what they are, so that weights are float32 masters with a cast before
// their readers, whose gradient is float32 too. The values of `keep` (ids) keep their types.
// Behind rewrite_for_inference or rewrite_for_training, before gradients().
Rewritten mixed_precision(const Graph& graph, std::span<const int> keep, DType half);

// For the forward part of a training step, behind all other passes, before gradients(): where the
// kernel that a convolution has on the backend can gather the sums of its output on the way, the
// batch norm behind it takes them from there, in place of a pass over the activation. They are the
// sums of what is stored, as those of that pass. Where no kernel can, as on the CPU with oneDNN,
// and with splits, nothing changes.
Rewritten fuse_batch_norm_sums(const Graph& graph, std::span<const int> keep, Backend backend);

// For a training step with its backward part, that is all nodes that `loss` does not need: where
// those read what cheap ops made (Op::cheap), these ops run again just before, if their inputs are
// there anyhow. The forward results then need no memory until the backward part; every value keeps
// its bits. Steps that run again are named with ".again" behind.
Rewritten recompute_cheap_values(const Graph& graph, Value loss, std::span<const int> keep);

// How the passes are written: copies nodes of one graph into another one by one.
class Rebuilder {
 public:
  Rebuilder(const Graph& from, std::span<const int> keep);

  const Graph& from() const { return from_; }
  Graph& to() { return *result_.graph; }
  // Readers of the value among the needed nodes, and one more if it is kept.
  int uses(int value) const { return uses_[size_t(value)]; }
  // The node that makes the value, if its op is a T; else null.
  template <class T>
  const Graph::Node* producer(int value) const {
    const int n = from_.info(value).producer;
    if (n < 0 || !dynamic_cast<const T*>(from_.nodes()[size_t(n)].op.get())) return nullptr;
    return &from_.nodes()[size_t(n)];
  }
  // The new place of an old value; inputs and states are carried over on first sight.
  Value moved(int value);
  std::vector<Value> moved(std::span<const int> values);
  // Whether the value has its new place already.
  bool is_made(int value) const { return bool(result_.moved[size_t(value)]); }
  // Says that the old value is now this one.
  void replace(int old, Value now) { result_.moved[size_t(old)] = now; }
  // Adds a node to the new graph under the name of a step; returns its outputs.
  std::vector<Value> apply(const std::string& name, std::shared_ptr<const Op> op,
                           std::span<const Value> in);
  // Adds the old node with these inputs.
  void copy(const Graph::Node& node, std::span<const Value> in);
  // Calls visit for every needed node in order; where it returns false the node is copied.
  Rewritten run(const std::function<bool(const Graph::Node&)>& visit);

 private:
  const Graph& from_;
  std::vector<int> order_;
  std::vector<int> uses_;
  Rewritten result_;
};

}  // namespace sf
