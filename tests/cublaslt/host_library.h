// Stands in for cuBLASLt: the same functions, on the host. It keeps what it was told, refuses what
// does not fit together, and multiplies as descriptors and layouts say, one value at a time.
#pragma once

#include <array>
#include <vector>

#include "kernels/base/cuda/cublaslt.h"

namespace sf::test {

struct HostLayout {
  cudaDataType_t type = CUDA_R_32F;
  int64_t rows = 0, columns = 0, ld = 0;
  int32_t order = CUBLASLT_ORDER_COL;
  int32_t batch = 1;
  int64_t stride = 0;

  // Of the value at a row and a column of a matrix of the batch, in elements.
  int64_t offset(int64_t matrix, int64_t row, int64_t column) const {
    return matrix * stride + (order == CUBLASLT_ORDER_COL ? column * ld + row : row * ld + column);
  }
  bool operator==(const HostLayout&) const = default;
};

struct HostProduct {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType_t scale = CUDA_R_32F;
  int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};

// With the defaults of the library.
struct HostPreference {
  uint64_t workspace = 0;
  uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::array<uint32_t, 4> alignment{256, 256, 256, 256};  // of A B C D
};

// As the heuristics know it; suggested where the preferences allow it.
struct Algorithm {
  uint32_t scheme = CUBLASLT_REDUCTION_SCHEME_NONE;
  size_t workspace = 0;
  uint32_t alignment = 1;
  cublasStatus_t state = CUBLAS_STATUS_SUCCESS;
};

// One multiplication as it was asked for.
struct Multiplication {
  HostProduct product;
  HostLayout a, b, c, d;
  float alpha = 0, beta = 0;
  const void *at_a = nullptr, *at_b = nullptr, *at_c = nullptr;
  void* at_d = nullptr;
  size_t algorithm = 0;
  void* workspace = nullptr;
  size_t workspace_bytes = 0;
  cudaStream_t stream = nullptr;
};

// Whether the library would take it.
bool fits(const HostProduct& product, const HostLayout& a, const HostLayout& b, const HostLayout& c,
          const HostLayout& d);
// Writes D; bias where the epilogue adds one.
void multiply(const Multiplication& m);

// One at a time.
class HostLibrary {
 public:
  HostLibrary();
  ~HostLibrary();
  HostLibrary(const HostLibrary&) = delete;
  HostLibrary& operator=(const HostLibrary&) = delete;

  const cublaslt::Library& functions() const { return functions_; }

  std::vector<Algorithm> algorithms{{}};  // best first
  // Status of the next multiplications.
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  // A defect of the caller, planted: changes what is asked for.
  void (*defect)(Multiplication&) = nullptr;

  std::vector<Multiplication> multiplications;
  HostPreference preference;  // the last one asked with
  int objects_alive = 0, objects_made = 0;

 private:
  cublaslt::Library functions_;
};

}  // namespace sf::test
