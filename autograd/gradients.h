// Reverse-mode differentiation of a graph.
#pragma once

#include <span>
#include <vector>

#include "autograd/graph.h"

namespace sf {

// Appends the nodes of the reverse pass and returns d loss / d wrt[i] for each i, of wrt[i]'s type:
// values like any other. `loss` has one element, unless `seed` gives the gradient that it starts
// from (of the loss's type; empty: 1). Empty where the loss does not depend on wrt[i]. Nodes are
// named after those they belong to, with ".grad" behind. Throws, naming the node, if an op on the
// way has no gradient.
std::vector<Value> gradients(Value loss, std::span<const Value> wrt, Value seed = {});

}  // namespace sf
