#include "autograd/plan/order.h"

#include <algorithm>

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

}  // namespace sf
