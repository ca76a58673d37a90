// Batched product of two activations.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// C[b] = alpha op(A[b]) op(B[b]): A is m x k or, if transpose_a, k x m; B k x n or, if transpose_b,
// n x k; C m x n; all row-major. lda, ldb, ldc count elements from one row to the next, >= the row;
// the strides elements from one matrix of the batch to the next. Rows and matrices of C do not
// overlap.
struct MatmulProblem {
  DType dtype = DType::f32;
  int64_t batch = 1;
  int m = 1, n = 1, k = 1;
  bool transpose_a = false, transpose_b = false;
  double alpha = 1;
  int64_t lda = 1, ldb = 1, ldc = 1;
  int64_t a_stride = 0, b_stride = 0, c_stride = 0;
  bool tf32 = false;  // float32 factors may be rounded to 10 bits of mantissa
};

// c overlaps neither a nor b.
struct MatmulArgs {
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
};

using MatmulKernel = Kernel<MatmulProblem, MatmulArgs>;

// Best first, the reference (every real type, everything) last. A prepared state serves one thread
// at a time.
std::span<const MatmulKernel> matmul_kernels(Backend backend);

}  // namespace sf
