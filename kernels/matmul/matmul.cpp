#include "kernels/matmul/matmul.h"

#include <array>

#include "kernels/base/device_table.h"

namespace sf {

SF_DEVICE_TABLE(MatmulKernel, matmul_kernels)

extern const MatmulKernel kMatmulOneDnn, kMatmulReference;

std::span<const MatmulKernel> matmul_kernels(Backend backend) {
  static const std::array rows{kMatmulOneDnn, kMatmulReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::matmul_kernels();
    case Backend::cuda: return cuda::matmul_kernels();
  }
  return {};
}

}  // namespace sf
