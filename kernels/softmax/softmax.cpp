#include "kernels/softmax/softmax.h"

#include <array>

#include "kernels/base/device_table.h"
#include "kernels/softmax/backward.h"

namespace sf {

SF_DEVICE_TABLE(SoftmaxKernel, softmax_kernels)
SF_DEVICE_TABLE(SoftmaxBackwardKernel, softmax_backward_kernels)

extern const SoftmaxKernel kSoftmaxRowVectors, kSoftmaxReference;
extern const SoftmaxBackwardKernel kSoftmaxBackwardRowVectors, kSoftmaxBackwardReference;

std::span<const SoftmaxKernel> softmax_kernels(Backend backend) {
  static const std::array rows{kSoftmaxRowVectors, kSoftmaxReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::softmax_kernels();
    case Backend::cuda: return cuda::softmax_kernels();
  }
  return {};
}

std::span<const SoftmaxBackwardKernel> softmax_backward_kernels(Backend backend) {
  static const std::array rows{kSoftmaxBackwardRowVectors, kSoftmaxBackwardReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::softmax_backward_kernels();
    case Backend::cuda: return cuda::softmax_backward_kernels();
  }
  return {};
}

}  // namespace sf
