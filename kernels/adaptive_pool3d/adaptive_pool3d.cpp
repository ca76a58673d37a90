#include "kernels/adaptive_pool3d/adaptive_pool3d.h"

#include <array>

#include "kernels/adaptive_pool3d/backward.h"

namespace sf {

extern const AdaptivePool3dKernel kAdaptivePool3dChannelVectors, kAdaptivePool3dReference;
extern const AdaptivePool3dBackwardKernel kAdaptivePool3dBackwardChannelVectors,
    kAdaptivePool3dBackwardReference;

std::span<const AdaptivePool3dKernel> adaptive_pool3d_kernels(Backend backend) {
  static const std::array rows{kAdaptivePool3dChannelVectors, kAdaptivePool3dReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const AdaptivePool3dBackwardKernel> adaptive_pool3d_backward_kernels(Backend backend) {
  static const std::array rows{kAdaptivePool3dBackwardChannelVectors,
                               kAdaptivePool3dBackwardReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
