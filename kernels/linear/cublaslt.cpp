// Rows of cuBLASLt: the product with its bias and ReLU. The library counts by columns, so it gets
// the transposes: y^T = w x^T, whose rows are outputs; along them it adds a bias. That has the type
// of y there and is float32 here, so half types with a bias are refused. In float32 the rows keep
// its precision; where the problem says so the rows of TF32 do not. Tensors that are not aligned to
// 16 bytes go to the own tiles.
#include "kernels/base/cuda/cublaslt.h"

#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/storage.h"
#include "kernels/linear/linear.h"

namespace sf {

SF_DEVICE_TABLE(LinearKernel, linear_kernels)

namespace cublaslt {
namespace {

const LinearKernel& own_tiles() { return cuda::linear_kernels().back(); }

Product product(const LinearProblem& p) {
  return {.dtype = p.dtype,
          .tf32 = p.tf32,
          .bias = p.bias,
          .relu = p.activation == Activation::relu,
          .a = {.rows = p.in, .columns = p.out, .ld = p.in, .transpose = true},
          .b = {.rows = p.in, .columns = p.rows, .ld = p.x_pitch},
          .d = {.rows = p.out, .columns = p.rows, .ld = p.y_pitch}};
}

template <bool kTf32>
bool can_run(const LinearProblem& p) {
  if (!is_storage(p.dtype) || p.tf32 != kTf32 || (p.bias && is_half(p.dtype))) return false;
  return own_tiles().can_run(p) && takes(product(p));
}

std::shared_ptr<void> prepare(const LinearProblem& p) { return prepared_call(product(p)); }

void run(const LinearProblem& p, const LinearArgs& a, void* prepared, void* workspace,
         Queue queue) {
  if (!is_aligned(a.x) || !is_aligned(a.w) || !is_aligned(a.y) || !is_aligned(a.bias))
    return own_tiles().run(p, a, nullptr, nullptr, queue);
  call_of(prepared).run(a.w, a.x, a.bias, a.y, workspace, queue);
}

template <bool kTf32>
constexpr LinearKernel row() {
  return {.name = kTf32 ? "cublaslt_tf32" : "cublaslt",
          .exact = !kTf32,
          .can_run = can_run<kTf32>,
          .prepare = prepare,
          .workspace_bytes = workspace_bytes<LinearProblem>,
          .run = run};
}

}  // namespace

std::span<const LinearKernel> linear_kernels() {
  static constexpr std::array rows{row<false>(), row<true>()};
  return rows;
}

}  // namespace cublaslt
}  // namespace sf
