// Tensors joined along their channels.
#pragma once

#include <vector>

#include "autograd/graph.h"

namespace sf {

// All alike but for the channels. Costs nothing for the inputs that a plan can produce in place.
Value concat(const std::vector<Value>& values);

}  // namespace sf
