// Sums over groups of pixels.
#pragma once

#include "autograd/graph.h"

namespace sf {

// x [.. C] becomes `to` [.. C], whose pixels divide those of x: pixel i of the result is the sum of
// the i-th run of pixels of x.
Value sum_pixels(Value x, Shape to);

}  // namespace sf
