// Tensors joined along their channels.
#pragma once

#include <vector>

#include "autograd/graph.h"

namespace sf {

// All alike but for the channels. Costs nothing for the inputs that a plan can produce in place.
Value concat(const std::vector<Value>& values);

// `count` channels of x from channel `begin` on.
Value slice_channels(Value x, int64_t begin, int64_t count);

}  // namespace sf
