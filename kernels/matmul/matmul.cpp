#include "kernels/matmul/matmul.h"

#include <array>

namespace sf {

extern const MatmulKernel kMatmulOneDnn, kMatmulReference;

std::span<const MatmulKernel> matmul_kernels(Backend backend) {
  static const std::array rows{kMatmulOneDnn, kMatmulReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
