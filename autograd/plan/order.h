// Which nodes a plan runs, and when.
#pragma once

#include <span>
#include <vector>

#include "autograd/graph.h"

namespace sf {

// The nodes that the outputs need and those that write states, in creation order.
std::vector<int> execution_order(const Graph& graph, std::span<const int> outputs);

// By value id: depends alone on states that are not variable and that no node writes, so a plan
// computes it once.
std::vector<bool> frozen_values(const Graph& graph, std::span<const int> order);

// Whether a plan runs the node once, ahead of all runs: what it makes is frozen.
inline bool hoisted(const Graph::Node& node, const std::vector<bool>& frozen) {
  return !node.out.empty() && frozen[size_t(node.out[0])];
}

}  // namespace sf
