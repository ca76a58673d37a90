#include "kernels/optimizer/optimizer.h"

#include <array>

#include "kernels/base/device_table.h"

namespace sf {

SF_DEVICE_TABLE(SgdKernel, sgd_kernels)
SF_DEVICE_TABLE(AdamKernel, adam_kernels)
SF_DEVICE_TABLE(LarsKernel, lars_kernels)

extern const SgdKernel kSgdVectors, kSgdReference;
extern const AdamKernel kAdamVectors, kAdamReference;
extern const LarsKernel kLarsReference;

std::span<const SgdKernel> sgd_kernels(Backend backend) {
  static const std::array rows{kSgdVectors, kSgdReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::sgd_kernels();
    case Backend::cuda: return cuda::sgd_kernels();
  }
  return {};
}

std::span<const AdamKernel> adam_kernels(Backend backend) {
  static const std::array rows{kAdamVectors, kAdamReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::adam_kernels();
    case Backend::cuda: return cuda::adam_kernels();
  }
  return {};
}

std::span<const LarsKernel> lars_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kLarsReference, 1};
    case Backend::simt: return simt::lars_kernels();
    case Backend::cuda: return cuda::lars_kernels();
  }
  return {};
}

}  // namespace sf
