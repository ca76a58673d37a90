// Average over the bins that split a tensor into given extents.
#pragma once

#include <array>

#include "autograd/graph.h"

namespace sf {

// x: N T H W C; extents: T H W of the result. Bin i of n over an axis of length m: floor(i m / n)
// to ceil((i+1) m / n).
Value adaptive_avg_pool3d(Value x, std::array<int, 3> extents);

}  // namespace sf
