#include "kernels/conv3d/conv3d.h"

#include <array>

namespace sf {

extern const Conv3dKernel kConv3dOneDnn, kConv3dReference;

std::span<const Conv3dKernel> conv3d_kernels(Backend backend) {
  static const std::array rows{kConv3dOneDnn, kConv3dReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
