// Softmax over the innermost axis.
#pragma once

#include "autograd/graph.h"

namespace sf {

Value softmax(Value x);

}  // namespace sf
