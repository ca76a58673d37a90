// Flat arrays for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/vector/vector.h"

namespace sf {

inline std::vector<Case<VectorProblem>> vector_cases() {
  return {{"one_value", {}},
          {"odd", {.n = 37}},
          {"one_block", {.n = 1 << 14}},
          {"several_blocks", {.n = 50001}}};
}

}  // namespace sf
