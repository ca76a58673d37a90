#include "kernels/pool3d/pool3d.h"

#include <array>

namespace sf {

extern const Pool3dKernel kPool3dChannelVectors, kPool3dReference;

std::span<const Pool3dKernel> pool3d_kernels(Backend backend) {
  static const std::array rows{kPool3dChannelVectors, kPool3dReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
