#include "kernels/matmul/matmul.h"

#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/library_rows.h"

namespace sf {

SF_DEVICE_TABLE(MatmulKernel, matmul_kernels)

// Rows of cuBLASLt; none in a build without it.
namespace cublaslt {
std::span<const MatmulKernel> matmul_kernels();
}  // namespace cublaslt

extern const MatmulKernel kMatmulOneDnn, kMatmulReference;

std::span<const MatmulKernel> matmul_kernels(Backend backend) {
  static const std::array rows{kMatmulOneDnn, kMatmulReference};
  static const auto on_cuda = with_library(cuda::matmul_kernels(), cublaslt::matmul_kernels());
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::matmul_kernels();
    case Backend::cuda: return on_cuda;
  }
  return {};
}

}  // namespace sf
