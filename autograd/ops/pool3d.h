// Maximum and average over windows.
#pragma once

#include <array>

#include "autograd/graph.h"

namespace sf {

struct PoolParams {
  std::array<int, 3> kernel{1, 1, 1}, stride{1, 1, 1}, pad{0, 0, 0};  // T H W
};

// x: N T H W C. Padding never wins a maximum; it counts as zeros in an average.
Value max_pool3d(Value x, const PoolParams& params);
Value avg_pool3d(Value x, const PoolParams& params);

}  // namespace sf
