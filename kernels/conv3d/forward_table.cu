// The rows of the device's kernels.
#include <array>

#include "kernels/base/device.h"
#include "kernels/base/device_table.h"
#include "kernels/conv3d/conv3d.h"

namespace sf {

SF_DEVICE_TABLE(Conv3dKernel, conv3d_kernels)

namespace SF_DEVICE_NS {

extern const Conv3dKernel kConv3dDirect;

std::span<const Conv3dKernel> conv3d_kernels() {
  static const std::array rows{kConv3dDirect};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
