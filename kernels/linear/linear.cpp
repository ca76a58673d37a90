#include "kernels/linear/linear.h"

#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/library_rows.h"

namespace sf {

SF_DEVICE_TABLE(LinearKernel, linear_kernels)

// Rows of cuBLASLt; none in a build without it.
namespace cublaslt {
std::span<const LinearKernel> linear_kernels();
}  // namespace cublaslt

extern const LinearKernel kLinearDots, kLinearReference;

std::span<const LinearKernel> linear_kernels(Backend backend) {
  static const std::array rows{kLinearDots, kLinearReference};
  static const auto on_cuda = with_library(cuda::linear_kernels(), cublaslt::linear_kernels());
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::linear_kernels();
    case Backend::cuda: return on_cuda;
  }
  return {};
}

}  // namespace sf
