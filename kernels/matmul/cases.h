// Batched matrix products for tests and benchmarks.
#pragma once

#include <vector>

#include "kernels/base/case.h"
#include "kernels/matmul/matmul.h"

namespace sf {

inline std::vector<Case<MatmulProblem>> matmul_cases() {
  const std::vector<Case<MatmulProblem>> dense_cases{
      {"one_value", {}},
      {"odd", {.batch = 3, .m = 5, .n = 7, .k = 11, .alpha = 0.5}},
      {"odd_transposed", {.batch = 3, .m = 5, .n = 7, .k = 11, .transpose_b = true, .alpha = 0.5}},
      {"single", {.m = 33, .n = 17, .k = 20, .transpose_b = true}},
      {"attention_scores",
       {.batch = 2, .m = 49, .n = 12, .k = 32, .transpose_b = true, .alpha = 0.125}},
      {"attention_values", {.batch = 2, .m = 49, .n = 32, .k = 12}},
      {"transposed_odd", {.batch = 3, .m = 5, .n = 7, .k = 11, .transpose_a = true, .alpha = 0.5}},
      {"transposed_odd_transposed",
       {.batch = 3, .m = 5, .n = 7, .k = 11, .transpose_a = true, .transpose_b = true}},
      {"head_weight_gradient", {.m = 40, .n = 230, .k = 6, .transpose_a = true}},
      {"row_times_matrix", {.batch = 4, .m = 1, .n = 9, .k = 6}},
      {"matrix_times_column", {.batch = 4, .m = 9, .n = 1, .k = 6}},
  };
  std::vector<Case<MatmulProblem>> cases;
  for (const int gap : {0, 3})
    for (const auto& [name, problem] : dense_cases) {
      MatmulProblem p = problem;
      p.lda = (p.transpose_a ? p.m : p.k) + gap;
      p.ldb = (p.transpose_b ? p.k : p.n) + gap;
      p.ldc = p.n + gap;
      p.a_stride = (p.transpose_a ? p.k : p.m) * p.lda;
      p.b_stride = (p.transpose_b ? p.n : p.k) * p.ldb;
      p.c_stride = p.m * p.ldc;
      cases.push_back({gap ? name + "_pitched" : name, p});
    }
  return cases;
}

}  // namespace sf
