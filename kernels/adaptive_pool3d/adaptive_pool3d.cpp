#include "kernels/adaptive_pool3d/adaptive_pool3d.h"

#include <array>

namespace sf {

extern const AdaptivePool3dKernel kAdaptivePool3dChannelVectors, kAdaptivePool3dReference;

std::span<const AdaptivePool3dKernel> adaptive_pool3d_kernels(Backend backend) {
  static const std::array rows{kAdaptivePool3dChannelVectors, kAdaptivePool3dReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
