#include "kernels/linear/linear.h"

#include <array>

#include "kernels/base/device_table.h"

namespace sf {

SF_DEVICE_TABLE(LinearKernel, linear_kernels)

extern const LinearKernel kLinearOneDnn, kLinearReference;

std::span<const LinearKernel> linear_kernels(Backend backend) {
  static const std::array rows{kLinearOneDnn, kLinearReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::linear_kernels();
    case Backend::cuda: return cuda::linear_kernels();
  }
  return {};
}

}  // namespace sf
