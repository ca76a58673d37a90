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

extern const Conv3dBackwardDataKernel kConv3dBackwardDataGemm, kConv3dBackwardDataGemm128x128,
    kConv3dBackwardDataGemm64x64, kConv3dBackwardDataGemm128x32, kConv3dBackwardDataGemm128x16,
    kConv3dBackwardDataGemmTf32Tile128x128, kConv3dBackwardDataGemmTf32Tile128x32,
    kConv3dBackwardDataGemmF32Tile128x64, kConv3dBackwardDataGemmF32Tile128x32,
    kConv3dBackwardDataDirect;
extern const Conv3dBackwardWeightKernel kConv3dBackwardWeightStemTf32, kConv3dBackwardWeightStem,
    kConv3dBackwardWeightGemm, kConv3dBackwardWeightGemm128x128, kConv3dBackwardWeightGemm64x64,
    kConv3dBackwardWeightGemm16x64, kConv3dBackwardWeightGemmTf32Tile128x128,
    kConv3dBackwardWeightGemmTf32Tile64x64, kConv3dBackwardWeightGemmF32Tile128x64,
    kConv3dBackwardWeightGemmF32Tile64x64, kConv3dBackwardWeightGemmF32Tile32x64,
    kConv3dBackwardWeightDirect;

std::span<const Conv3dBackwardDataKernel> conv3d_backward_data_kernels() {
  static const std::array rows{kConv3dBackwardDataGemm,
                               kConv3dBackwardDataGemm128x128,
                               kConv3dBackwardDataGemm64x64,
                               kConv3dBackwardDataGemm128x32,
                               kConv3dBackwardDataGemm128x16,
                               kConv3dBackwardDataGemmTf32Tile128x128,
                               kConv3dBackwardDataGemmTf32Tile128x32,
                               kConv3dBackwardDataGemmF32Tile128x64,
                               kConv3dBackwardDataGemmF32Tile128x32,
                               kConv3dBackwardDataDirect};
  return rows;
}

std::span<const Conv3dBackwardWeightKernel> conv3d_backward_weight_kernels() {
  static const std::array rows{kConv3dBackwardWeightStemTf32,
                               kConv3dBackwardWeightStem,
                               kConv3dBackwardWeightGemm,
                               kConv3dBackwardWeightGemm128x128,
                               kConv3dBackwardWeightGemm64x64,
                               kConv3dBackwardWeightGemm16x64,
                               kConv3dBackwardWeightGemmTf32Tile128x128,
                               kConv3dBackwardWeightGemmTf32Tile64x64,
                               kConv3dBackwardWeightGemmF32Tile128x64,
                               kConv3dBackwardWeightGemmF32Tile64x64,
                               kConv3dBackwardWeightGemmF32Tile32x64,
                               kConv3dBackwardWeightDirect};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
