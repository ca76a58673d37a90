#include "kernels/softmax/softmax.h"

#include <array>

namespace sf {

extern const SoftmaxKernel kSoftmaxRowVectors, kSoftmaxReference;

std::span<const SoftmaxKernel> softmax_kernels(Backend backend) {
  static const std::array rows{kSoftmaxRowVectors, kSoftmaxReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
