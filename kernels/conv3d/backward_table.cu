// The gradients' rows, best first.
#include <array>

#include "kernels/base/device.h"
#include "kernels/base/device_table.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"

namespace sf {

SF_DEVICE_TABLE(Conv3dBackwardDataKernel, conv3d_backward_data_kernels)
SF_DEVICE_TABLE(Conv3dBackwardWeightKernel, conv3d_backward_weight_kernels)

namespace SF_DEVICE_NS {

extern const Conv3dBackwardDataKernel kConv3dBackwardDataDirect;
extern const Conv3dBackwardWeightKernel kConv3dBackwardWeightDirect;

std::span<const Conv3dBackwardDataKernel> conv3d_backward_data_kernels() {
  static const std::array rows{kConv3dBackwardDataDirect};
  return rows;
}

std::span<const Conv3dBackwardWeightKernel> conv3d_backward_weight_kernels() {
  static const std::array rows{kConv3dBackwardWeightDirect};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
