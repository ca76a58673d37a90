#include "kernels/batch_norm/training.h"

#include <array>

#include "kernels/base/device_table.h"

namespace sf {

extern const BatchNormSumsKernel kBatchNormSumsChannelVectors, kBatchNormSumsReference;
extern const BatchNormMomentsKernel kBatchNormMomentsReference;
extern const BatchNormApplyKernel kBatchNormApplyChannelVectors, kBatchNormApplyReference;
extern const BatchNormBackwardSumsKernel kBatchNormBackwardSumsChannelVectors,
    kBatchNormBackwardSumsReference;
extern const BatchNormBackwardParametersKernel kBatchNormBackwardParametersReference;
extern const BatchNormBackwardApplyKernel kBatchNormBackwardApplyChannelVectors,
    kBatchNormBackwardApplyReference;

SF_DEVICE_TABLE(BatchNormSumsKernel, batch_norm_sums_kernels)
SF_DEVICE_TABLE(BatchNormMomentsKernel, batch_norm_moments_kernels)
SF_DEVICE_TABLE(BatchNormApplyKernel, batch_norm_apply_kernels)
SF_DEVICE_TABLE(BatchNormBackwardSumsKernel, batch_norm_backward_sums_kernels)
SF_DEVICE_TABLE(BatchNormBackwardParametersKernel, batch_norm_backward_parameters_kernels)
SF_DEVICE_TABLE(BatchNormBackwardApplyKernel, batch_norm_backward_apply_kernels)

std::span<const BatchNormSumsKernel> batch_norm_sums_kernels(Backend backend) {
  static const std::array rows{kBatchNormSumsChannelVectors, kBatchNormSumsReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::batch_norm_sums_kernels();
    case Backend::cuda: return cuda::batch_norm_sums_kernels();
  }
  return {};
}

std::span<const BatchNormMomentsKernel> batch_norm_moments_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kBatchNormMomentsReference, 1};
    case Backend::simt: return simt::batch_norm_moments_kernels();
    case Backend::cuda: return cuda::batch_norm_moments_kernels();
  }
  return {};
}

std::span<const BatchNormApplyKernel> batch_norm_apply_kernels(Backend backend) {
  static const std::array rows{kBatchNormApplyChannelVectors, kBatchNormApplyReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::batch_norm_apply_kernels();
    case Backend::cuda: return cuda::batch_norm_apply_kernels();
  }
  return {};
}

std::span<const BatchNormBackwardSumsKernel> batch_norm_backward_sums_kernels(Backend backend) {
  static const std::array rows{kBatchNormBackwardSumsChannelVectors,
                               kBatchNormBackwardSumsReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::batch_norm_backward_sums_kernels();
    case Backend::cuda: return cuda::batch_norm_backward_sums_kernels();
  }
  return {};
}

std::span<const BatchNormBackwardParametersKernel> batch_norm_backward_parameters_kernels(
    Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kBatchNormBackwardParametersReference, 1};
    case Backend::simt: return simt::batch_norm_backward_parameters_kernels();
    case Backend::cuda: return cuda::batch_norm_backward_parameters_kernels();
  }
  return {};
}

std::span<const BatchNormBackwardApplyKernel> batch_norm_backward_apply_kernels(Backend backend) {
  static const std::array rows{kBatchNormBackwardApplyChannelVectors,
                               kBatchNormBackwardApplyReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::batch_norm_backward_apply_kernels();
    case Backend::cuda: return cuda::batch_norm_backward_apply_kernels();
  }
  return {};
}

}  // namespace sf
