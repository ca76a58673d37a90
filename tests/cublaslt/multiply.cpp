// What cuBLASLt's documentation says of a product, one value at a time.
#include <bit>
#include <cmath>

#include "kernels/base/half.h"
#include "kernels/base/threads.h"
#include "tests/cublaslt/host_library.h"

namespace sf::test {
namespace {

bool has_bias(uint32_t epilogue) { return (epilogue & CUBLASLT_EPILOGUE_BIAS) != 0; }
bool has_relu(uint32_t epilogue) { return (epilogue & CUBLASLT_EPILOGUE_RELU) != 0; }

// To the nearest with 10 bits of mantissa, ties to even.
float tf32(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return std::bit_cast<float>((bits + 0xFFF + (bits >> 13 & 1)) & ~0x1FFFU);
}

float factor(float value, cublasComputeType_t compute) {
  if (compute == CUBLAS_COMPUTE_32F_FAST_TF32) return tf32(value);
  if (compute == CUBLAS_COMPUTE_32F_FAST_16BF) return float(bf16(value));
  return compute == CUBLAS_COMPUTE_32F_FAST_16F ? float(f16(value)) : value;
}

struct Operand {
  const HostLayout& layout;
  bool transposed;

  int64_t rows() const { return transposed ? layout.columns : layout.rows; }
  int64_t columns() const { return transposed ? layout.rows : layout.columns; }
  int64_t offset(int64_t matrix, int64_t row, int64_t column) const {
    return transposed ? layout.offset(matrix, column, row) : layout.offset(matrix, row, column);
  }
};

Operand left(const HostProduct& p, const HostLayout& a) {
  return {a, p.transpose_a != CUBLAS_OP_N};
}
Operand right(const HostProduct& p, const HostLayout& b) {
  return {b, p.transpose_b != CUBLAS_OP_N};
}

bool is_layout(const HostLayout& l) {
  return l.rows > 0 && l.columns > 0 && l.batch > 0 &&
         l.ld >= (l.order == CUBLASLT_ORDER_COL ? l.rows : l.columns);
}

template <class T>
void multiply_as(const Multiplication& m) {
  const Operand a = left(m.product, m.a), b = right(m.product, m.b);
  const auto compute = m.product.compute;
  parallel_for(m.d.batch * m.d.columns, 1, [&](int64_t column) {
    const int64_t matrix = column / m.d.columns, j = column % m.d.columns;
    for (int64_t i = 0; i < m.d.rows; ++i) {
      float sum = 0;
      for (int64_t k = 0; k < a.columns(); ++k)
        sum += factor(float(static_cast<const T*>(m.at_a)[a.offset(matrix, i, k)]), compute) *
               factor(float(static_cast<const T*>(m.at_b)[b.offset(matrix, k, j)]), compute);
      sum *= m.alpha;
      if (m.beta != 0)
        sum += m.beta * float(static_cast<const T*>(m.at_c)[m.c.offset(matrix, i, j)]);
      if (has_bias(m.product.epilogue)) sum += float(static_cast<const T*>(m.product.bias)[i]);
      if (has_relu(m.product.epilogue)) sum = std::max(sum, 0.0F);
      static_cast<T*>(m.at_d)[m.d.offset(matrix, i, j)] = T(sum);
    }
  });
}

}  // namespace

bool fits(const HostProduct& p, const HostLayout& a, const HostLayout& b, const HostLayout& c,
          const HostLayout& d) {
  const Operand l = left(p, a), r = right(p, b);
  const bool shapes = l.rows() == d.rows && r.columns() == d.columns && l.columns() == r.rows();
  const bool layouts = is_layout(a) && is_layout(b) && is_layout(d) && c == d;
  const bool batches = a.batch == d.batch && b.batch == d.batch && (d.batch == 1 || d.stride != 0);
  const bool types = a.type == b.type && a.type == d.type &&
                     (a.type == CUDA_R_32F || a.type == CUDA_R_16BF || a.type == CUDA_R_16F);
  const bool rounds_factors = p.compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
                              p.compute == CUBLAS_COMPUTE_32F_FAST_16BF ||
                              p.compute == CUBLAS_COMPUTE_32F_FAST_16F;
  const bool computes = p.compute == CUBLAS_COMPUTE_32F || (rounds_factors && a.type == CUDA_R_32F);
  const bool known =
      p.epilogue == CUBLASLT_EPILOGUE_DEFAULT || has_bias(p.epilogue) || has_relu(p.epilogue);
  return shapes && layouts && batches && types && computes && p.scale == CUDA_R_32F && known &&
         (!has_bias(p.epilogue) || p.bias);
}

void multiply(const Multiplication& m) {
  if (m.d.type == CUDA_R_32F) return multiply_as<float>(m);
  m.d.type == CUDA_R_16BF ? multiply_as<bf16>(m) : multiply_as<f16>(m);
}

}  // namespace sf::test
