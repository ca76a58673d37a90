#include "kernels/roi_align/roi_align.h"

#include <array>

#include "kernels/base/device_table.h"
#include "kernels/roi_align/backward.h"

namespace sf {

extern const RoiAlignKernel kRoiAlignChannelVectors, kRoiAlignReference;
extern const RoiAlignBackwardKernel kRoiAlignBackwardChannelVectors, kRoiAlignBackwardReference;

SF_DEVICE_TABLE(RoiAlignKernel, roi_align_kernels)
SF_DEVICE_TABLE(RoiAlignBackwardKernel, roi_align_backward_kernels)

std::span<const RoiAlignKernel> roi_align_kernels(Backend backend) {
  static const std::array rows{kRoiAlignChannelVectors, kRoiAlignReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::roi_align_kernels();
    case Backend::cuda: return cuda::roi_align_kernels();
  }
  return {};
}

std::span<const RoiAlignBackwardKernel> roi_align_backward_kernels(Backend backend) {
  static const std::array rows{kRoiAlignBackwardChannelVectors, kRoiAlignBackwardReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::roi_align_backward_kernels();
    case Backend::cuda: return cuda::roi_align_backward_kernels();
  }
  return {};
}

}  // namespace sf
