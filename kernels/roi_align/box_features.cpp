#include "kernels/roi_align/box_features.h"

#include <array>

#include "kernels/base/device_table.h"

namespace sf {

extern const BoxFeaturesKernel kBoxFeaturesChannelSlices, kBoxFeaturesReference;

SF_DEVICE_TABLE(BoxFeaturesKernel, box_features_kernels)

std::span<const BoxFeaturesKernel> box_features_kernels(Backend backend) {
  static const std::array rows{kBoxFeaturesChannelSlices, kBoxFeaturesReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::box_features_kernels();
    case Backend::cuda: return cuda::box_features_kernels();
  }
  return {};
}

}  // namespace sf
