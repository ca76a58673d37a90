// Reverse-mode differentiation of a graph.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "autograd/graph.h"

namespace sf {

// Appends the nodes of the reverse pass and returns d loss / d wrt[i] for each i, of wrt[i]'s type:
// values like any other. `loss` has one element, unless `seed` gives the gradient that it starts
// from (of the loss's type; empty: 1). Empty where the loss does not depend on wrt[i]. Nodes are
// named after those they belong to, with ".grad" behind. Throws, naming the node, if an op on the
// way has no gradient.
//
// ready, if given, is called with i and that gradient as soon as all nodes that it needs are there,
// so that nodes which it adds run ahead of the rest of the reverse pass.
std::vector<Value> gradients(Value loss, std::span<const Value> wrt, Value seed = {},
                             const std::function<void(size_t i, Value gradient)>& ready = {});

}  // namespace sf
