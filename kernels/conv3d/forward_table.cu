// The rows of the device's kernels.
#include <array>

#include "kernels/base/device.h"
#include "kernels/base/device_table.h"
#include "kernels/conv3d/conv3d.h"

namespace sf {

SF_DEVICE_TABLE(Conv3dKernel, conv3d_kernels)

namespace SF_DEVICE_NS {

extern const Conv3dKernel kConv3dGemm, kConv3dGemm128x128, kConv3dGemm64x64, kConv3dGemmLong128x128,
    kConv3dGemmLong64x64, kConv3dGemm128x32, kConv3dGemm128x16;
extern const Conv3dKernel kConv3dGemmTf32, kConv3dGemmTf32Tile128x128, kConv3dGemmTf32Tile64x64,
    kConv3dGemmTf32Tile128x16;
extern const Conv3dKernel kConv3dGemmF32, kConv3dGemmF32Tile128x64, kConv3dGemmF32Tile64x64,
    kConv3dGemmF32Tile128x16;
extern const Conv3dKernel kConv3dStem, kConv3dDepthwise, kConv3dLateral, kConv3dDirect;

std::span<const Conv3dKernel> conv3d_kernels() {
  static const std::array rows{kConv3dStem,
                               kConv3dDepthwise,
                               kConv3dLateral,
                               kConv3dGemm,
                               kConv3dGemm128x128,
                               kConv3dGemm64x64,
                               kConv3dGemmLong128x128,
                               kConv3dGemmLong64x64,
                               kConv3dGemm128x32,
                               kConv3dGemm128x16,
                               kConv3dGemmTf32,
                               kConv3dGemmF32,
                               kConv3dGemmTf32Tile128x128,
                               kConv3dGemmTf32Tile64x64,
                               kConv3dGemmTf32Tile128x16,
                               kConv3dGemmF32Tile128x64,
                               kConv3dGemmF32Tile64x64,
                               kConv3dGemmF32Tile128x16,
                               kConv3dDirect};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
