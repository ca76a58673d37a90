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

inline std::vector<Case<ArraysProblem>> arrays_cases() {
  ArraySizes most;
  most.count = kMostArrays;
  for (int i = 0; i < most.count; ++i) most.n[size_t(i)] = 1 + i * 37 % 100;
  return {{"one_value", {}},
          {"odd", {.sizes = {37, 1, 130}}},
          {"whole_chunks", {.sizes = {4096, 8192}}},
          {"several_blocks", {.sizes = {50001, 3, 4097}}},
          {"most", {.sizes = most}}};
}

}  // namespace sf
