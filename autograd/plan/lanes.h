// Which steps of a plan may run side by side, and what orders the others.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "autograd/graph.h"
#include "autograd/plan/clock.h"

namespace sf {

// The pathway that a node belongs to by its name, 1 for "s2.pathway1_res0.branch2.a.grad"; 0 for
// names that tell of none.
int pathway_of(std::string_view name);

// The steps of one pathway are a lane and run in their order. Between lanes a step waits for what
// it reads, and where it writes a state for all that read or wrote it before. What is no pathway's
// alone is in lane 0.
class Lanes {
 public:
  // order: the nodes of a plan, those that are hoisted (order.h) among them: they are no steps.
  // count: lanes at most; further pathways share the last one.
  Lanes(const Graph& graph, std::span<const int> order, const std::vector<bool>& frozen, int count);

  int lane(int node) const { return steps_[size_t(node)].lane; }
  // Nodes of other lanes whose end the node waits for; none that it comes behind anyway.
  const std::vector<int>& waits(int node) const { return steps_[size_t(node)].waits; }
  // What is done when the node starts, and what when it has ended.
  const Clock& start(int node) const { return steps_[size_t(node)].start; }
  Clock end(int node) const;
  // Whether one node has ended when another starts, however fast their lanes are.
  bool before(int first, int second) const { return reached(end(first), start(second)); }

 private:
  struct Step {
    int lane = 0;
    Clock start;
    std::vector<int> waits;
  };
  std::vector<Step> steps_;  // by node
};

}  // namespace sf
