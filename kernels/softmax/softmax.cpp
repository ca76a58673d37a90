#include "kernels/softmax/softmax.h"

#include <array>

#include "kernels/softmax/backward.h"

namespace sf {

extern const SoftmaxKernel kSoftmaxRowVectors, kSoftmaxReference;
extern const SoftmaxBackwardKernel kSoftmaxBackwardRowVectors, kSoftmaxBackwardReference;

std::span<const SoftmaxKernel> softmax_kernels(Backend backend) {
  static const std::array rows{kSoftmaxRowVectors, kSoftmaxReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const SoftmaxBackwardKernel> softmax_backward_kernels(Backend backend) {
  static const std::array rows{kSoftmaxBackwardRowVectors, kSoftmaxBackwardReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
