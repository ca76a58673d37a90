#include "kernels/conv3d/conv3d.h"

#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/library_rows.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"

namespace sf {

extern const Conv3dKernel kConv3dStemWinograd, kConv3dStem, kConv3dWinogradTime,
    kConv3dWinogradLargePlane, kConv3dWinogradPlane, kConv3dWinogradSmallPlane,
    kConv3dWinogradStridedPlane, kConv3dWinogradSmallStridedPlane, kConv3dWinogradShortTimeBf16,
    kConv3dStrassen, kConv3dGemm, kConv3dOneDnn, kConv3dReference;
extern const Conv3dBackwardDataKernel kConv3dBackwardDataWinogradTime,
    kConv3dBackwardDataWinogradPlane, kConv3dBackwardDataGemm, kConv3dBackwardDataStridedPointwise,
    kConv3dBackwardDataOneDnn, kConv3dBackwardDataReference;
extern const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemm,
    kConv3dBackwardWeightStridedPointwise, kConv3dBackwardWeightOneDnn,
    kConv3dBackwardWeightReference;

SF_DEVICE_TABLE(Conv3dKernel, conv3d_kernels)
SF_DEVICE_TABLE(Conv3dBackwardDataKernel, conv3d_backward_data_kernels)
SF_DEVICE_TABLE(Conv3dBackwardWeightKernel, conv3d_backward_weight_kernels)

// Rows of cuDNN; none in a build without it.
namespace cudnn {
std::span<const Conv3dKernel> conv3d_kernels();
std::span<const Conv3dBackwardDataKernel> conv3d_backward_data_kernels();
std::span<const Conv3dBackwardWeightKernel> conv3d_backward_weight_kernels();
}  // namespace cudnn

std::span<const Conv3dKernel> conv3d_kernels(Backend backend) {
  static const std::array rows{kConv3dStemWinograd,
                               kConv3dStem,
                               kConv3dWinogradTime,
                               kConv3dWinogradLargePlane,
                               kConv3dWinogradPlane,
                               kConv3dWinogradSmallPlane,
                               kConv3dWinogradStridedPlane,
                               kConv3dWinogradSmallStridedPlane,
                               kConv3dWinogradShortTimeBf16,
                               kConv3dStrassen,
                               kConv3dGemm,
                               kConv3dOneDnn,
                               kConv3dReference};
  static const auto on_cuda = with_library(cuda::conv3d_kernels(), cudnn::conv3d_kernels());
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::conv3d_kernels();
    case Backend::cuda: return on_cuda;
  }
  return {};
}

std::span<const Conv3dBackwardDataKernel> conv3d_backward_data_kernels(Backend backend) {
  static const std::array rows{kConv3dBackwardDataWinogradTime, kConv3dBackwardDataWinogradPlane,
                               kConv3dBackwardDataGemm,         kConv3dBackwardDataStridedPointwise,
                               kConv3dBackwardDataOneDnn,       kConv3dBackwardDataReference};
  static const auto on_cuda =
      with_library(cuda::conv3d_backward_data_kernels(), cudnn::conv3d_backward_data_kernels());
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::conv3d_backward_data_kernels();
    case Backend::cuda: return on_cuda;
  }
  return {};
}

std::span<const Conv3dBackwardWeightKernel> conv3d_backward_weight_kernels(Backend backend) {
  static const std::array rows{kConv3dBackwardWeightGemm, kConv3dBackwardWeightStridedPointwise,
                               kConv3dBackwardWeightOneDnn, kConv3dBackwardWeightReference};
  static const auto on_cuda =
      with_library(cuda::conv3d_backward_weight_kernels(), cudnn::conv3d_backward_weight_kernels());
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::conv3d_backward_weight_kernels();
    case Backend::cuda: return on_cuda;
  }
  return {};
}

}  // namespace sf
