#include "kernels/reduce/reduce.h"

#include <array>

#include "kernels/base/device_table.h"
namespace sf {

extern const SumPixelsKernel kSumPixelsChannelVectors, kSumPixelsReference;

SF_DEVICE_TABLE(SumPixelsKernel, sum_pixels_kernels)

std::span<const SumPixelsKernel> sum_pixels_kernels(Backend backend) {
  static const std::array rows{kSumPixelsChannelVectors, kSumPixelsReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::sum_pixels_kernels();
    case Backend::cuda: return cuda::sum_pixels_kernels();
  }
  return {};
}

}  // namespace sf
