// The same elements under another shape.
#pragma once

#include "autograd/graph.h"

namespace sf {

// Free where nothing reads x later, else a copy.
Value reshape(Value x, Shape shape);

}  // namespace sf
