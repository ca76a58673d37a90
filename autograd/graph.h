// A static graph of operations over named tensors. Model code builds it, rewrites rebuild it, a
// Plan runs it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autograd/op.h"

namespace sf {

class Graph;
class ProcessGroup;

// Names one tensor of a graph; copies freely, valid as long as the graph.
class Value {
 public:
  Value() = default;
  Value(Graph* graph, int id) : graph_(graph), id_(id) {}
  explicit operator bool() const { return graph_ != nullptr; }
  Graph& graph() const { return *graph_; }
  int id() const { return id_; }
  const TensorType& type() const;
  const Shape& shape() const { return type().shape; }
  friend bool operator==(const Value&, const Value&) = default;

 private:
  Graph* graph_ = nullptr;
  int id_ = -1;
};

// One node whose gradient is wanted.
struct GradSite {
  std::vector<Value> in, out;
  // Of out's types, for a cast to a half type perhaps float32; empty where the loss does not
  // depend on it.
  std::vector<Value> out_grad;
  std::vector<bool> needed;  // by input
};

// How layers that behave differently while a network learns do so.
struct TrainingRules {
  bool frozen_batch_norm = false;  // running statistics instead of those of the batch
  double batch_norm_momentum = 0.1;
  bool batch_norm_bessel = true;  // the running variance takes n / (n - 1) of the batch's
  // Ranks whose batches each batch norm normalises as one; null: this one alone.
  std::shared_ptr<ProcessGroup> batch_norm_group{};
  // Gradients of weights are made clip by clip and added in pairs (ops/sum_pairs.h), so that ranks
  // which share a batch end in the bits of one that has all of it.
  bool gradients_by_clip = false;
  // The number of this rank among those that share a batch in equal, consecutive parts: dropout
  // draws what it would draw for this part of the whole batch.
  int rank = 0;
  Tensor seed, step;  // i64, one each: keys of the draws of dropout, set by the caller before a run
};

class Graph {
 public:
  struct Node {
    std::shared_ptr<const Op> op;
    std::vector<int> in, out;  // ids of values
    std::string name;          // "s2.pathway0_res0.branch2.a"
  };
  struct ValueInfo {
    TensorType type;
    std::string name;
    int producer = -1;      // the node, or -1 for inputs and states
    Tensor state;           // parameters and buffers; empty otherwise
    bool variable = false;  // a state that changes between runs
  };

  // For inference.
  Graph() = default;
  // For training: states are variable.
  explicit Graph(TrainingRules rules) : training_(std::move(rules)) {}
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Memory that is fed before each run.
  Value input(std::string name, TensorType type);
  // Memory that outlives the graph; variable: the caller or a step may change it between runs. The
  // same tensor always gives the same value.
  Value state(const Tensor& tensor, std::string name, bool variable);
  // Moves the memory of all states, for a plan on that device. Plans made before for another one
  // must not be used any more.
  void move_states_to(Device device) const;
  // Adds a node named after the current scope; returns its outputs. Errors carry that name.
  std::vector<Value> apply(std::shared_ptr<const Op> op, std::span<const Value> in);
  Value apply1(std::shared_ptr<const Op> op, std::initializer_list<Value> in) {
    return apply(std::move(op), {in.begin(), in.size()})[0];
  }

  // Publishes a value under a name by which it can be planned and fetched ("act.s2.0").
  void mark(std::string name, Value value);
  const std::map<std::string, int>& marks() const { return marks_; }

  const std::vector<Node>& nodes() const { return nodes_; }
  const ValueInfo& info(int value) const { return values_[size_t(value)]; }
  int value_count() const { return int(values_.size()); }
  // Null in a graph for inference.
  const TrainingRules* training() const { return training_ ? &*training_ : nullptr; }
  // What nodes made now are named after.
  const std::string& scope() const { return scope_; }
  Value value(int id) { return {this, id}; }

  // Names the nodes made during its life; scopes nest as "outer.inner".
  class Scope {
   public:
    Scope(Graph& graph, std::string_view name);
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { graph_.scope_.resize(outer_length_); }

   private:
    Graph& graph_;
    size_t outer_length_;
  };

 private:
  Value add(ValueInfo info);

  std::deque<ValueInfo> values_;  // types stay where they are while the graph grows
  std::vector<Node> nodes_;
  std::map<const void*, int> states_;
  std::map<std::string, int> marks_;
  std::string scope_;
  std::optional<TrainingRules> training_;
};

inline const TensorType& Value::type() const { return graph_->info(id_).type; }

}  // namespace sf
