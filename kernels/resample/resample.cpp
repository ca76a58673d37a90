#include "kernels/resample/resample.h"

#include <array>

#include "kernels/base/device_table.h"

namespace sf {

SF_DEVICE_TABLE(ResampleKernel, resample_kernels)

extern const ResampleKernel kResampleRows, kResampleReference;

std::span<const ResampleKernel> resample_kernels(Backend backend) {
  static const std::array rows{kResampleRows, kResampleReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::resample_kernels();
    case Backend::cuda: return cuda::resample_kernels();
  }
  return {};
}

}  // namespace sf
