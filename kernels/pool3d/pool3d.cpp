#include "kernels/pool3d/pool3d.h"

#include <array>

#include "kernels/pool3d/backward.h"

namespace sf {

extern const Pool3dKernel kPool3dChannelVectors, kPool3dReference;
extern const Pool3dBackwardKernel kPool3dBackwardChannelVectors, kPool3dBackwardReference;

std::span<const Pool3dKernel> pool3d_kernels(Backend backend) {
  static const std::array rows{kPool3dChannelVectors, kPool3dReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const Pool3dBackwardKernel> pool3d_backward_kernels(Backend backend) {
  static const std::array rows{kPool3dBackwardChannelVectors, kPool3dBackwardReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
