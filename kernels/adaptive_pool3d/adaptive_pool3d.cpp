#include "kernels/adaptive_pool3d/adaptive_pool3d.h"

#include <array>

#include "kernels/adaptive_pool3d/backward.h"
#include "kernels/base/device_table.h"

namespace sf {

extern const AdaptivePool3dKernel kAdaptivePool3dChannelVectors, kAdaptivePool3dReference;
extern const AdaptivePool3dBackwardKernel kAdaptivePool3dBackwardChannelVectors,
    kAdaptivePool3dBackwardReference;

SF_DEVICE_TABLE(AdaptivePool3dKernel, adaptive_pool3d_kernels)
SF_DEVICE_TABLE(AdaptivePool3dBackwardKernel, adaptive_pool3d_backward_kernels)

std::span<const AdaptivePool3dKernel> adaptive_pool3d_kernels(Backend backend) {
  static const std::array rows{kAdaptivePool3dChannelVectors, kAdaptivePool3dReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::adaptive_pool3d_kernels();
    case Backend::cuda: return cuda::adaptive_pool3d_kernels();
  }
  return {};
}

std::span<const AdaptivePool3dBackwardKernel> adaptive_pool3d_backward_kernels(Backend backend) {
  static const std::array rows{kAdaptivePool3dBackwardChannelVectors,
                               kAdaptivePool3dBackwardReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::adaptive_pool3d_backward_kernels();
    case Backend::cuda: return cuda::adaptive_pool3d_backward_kernels();
  }
  return {};
}

}  // namespace sf
