// Rows of cuBLASLt. The library counts by columns, so it gets the transposes: C^T = B^T A^T. In
// float32 the rows keep its precision; where the problem says so the rows of TF32 do not. Matrices
// that are not aligned to 16 bytes go to the own tiles.
#include "kernels/base/cuda/cublaslt.h"

#include <array>
#include <utility>

#include "kernels/base/device_table.h"
#include "kernels/base/storage.h"
#include "kernels/matmul/matmul.h"

namespace sf {

SF_DEVICE_TABLE(MatmulKernel, matmul_kernels)

namespace cublaslt {
namespace {

const MatmulKernel& own_tiles() { return cuda::matmul_kernels().back(); }

// The transpose of a matrix of that many rows and columns, of which the transpose may lie in
// memory.
Matrix transposed(int64_t rows, int64_t columns, bool transpose, int64_t ld, int64_t stride) {
  if (transpose) std::swap(rows, columns);
  return {.rows = columns, .columns = rows, .ld = ld, .stride = stride, .transpose = transpose};
}

Product product(const MatmulProblem& p) {
  return {.dtype = p.dtype,
          .tf32 = p.tf32,
          .batch = p.batch,
          .alpha = float(p.alpha),
          .a = transposed(p.k, p.n, p.transpose_b, p.ldb, p.b_stride),
          .b = transposed(p.m, p.k, p.transpose_a, p.lda, p.a_stride),
          .d = transposed(p.m, p.n, false, p.ldc, p.c_stride)};
}

template <bool kTf32>
bool can_run(const MatmulProblem& p) {
  return is_storage(p.dtype) && p.tf32 == kTf32 && own_tiles().can_run(p) && takes(product(p));
}

std::shared_ptr<void> prepare(const MatmulProblem& p) { return prepared_call(product(p)); }

void run(const MatmulProblem& p, const MatmulArgs& a, void* prepared, void* workspace,
         Queue queue) {
  if (!is_aligned(a.a) || !is_aligned(a.b) || !is_aligned(a.c))
    return own_tiles().run(p, a, nullptr, nullptr, queue);
  call_of(prepared).run(a.b, a.a, nullptr, a.c, workspace, queue);
}

template <bool kTf32>
constexpr MatmulKernel row() {
  return {.name = kTf32 ? "cublaslt_tf32" : "cublaslt",
          .exact = !kTf32,
          .can_run = can_run<kTf32>,
          .prepare = prepare,
          .workspace_bytes = workspace_bytes<MatmulProblem>,
          .run = run};
}

}  // namespace

std::span<const MatmulKernel> matmul_kernels() {
  static constexpr std::array rows{row<false>(), row<true>()};
  return rows;
}

}  // namespace cublaslt
}  // namespace sf
