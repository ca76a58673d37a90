#include "kernels/pool3d/pool3d.h"

#include <array>

#include "kernels/base/device_table.h"
#include "kernels/pool3d/backward.h"

namespace sf {

extern const Pool3dKernel kPool3dChannelVectors, kPool3dReference;
extern const Pool3dBackwardKernel kPool3dBackwardChannelVectors, kPool3dBackwardReference;

SF_DEVICE_TABLE(Pool3dKernel, pool3d_kernels)
SF_DEVICE_TABLE(Pool3dBackwardKernel, pool3d_backward_kernels)

std::span<const Pool3dKernel> pool3d_kernels(Backend backend) {
  static const std::array rows{kPool3dChannelVectors, kPool3dReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::pool3d_kernels();
    case Backend::cuda: return cuda::pool3d_kernels();
  }
  return {};
}

std::span<const Pool3dBackwardKernel> pool3d_backward_kernels(Backend backend) {
  static const std::array rows{kPool3dBackwardChannelVectors, kPool3dBackwardReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::pool3d_backward_kernels();
    case Backend::cuda: return cuda::pool3d_backward_kernels();
  }
  return {};
}

}  // namespace sf
