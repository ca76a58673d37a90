#include "kernels/batch_norm/training.h"

#include <array>

namespace sf {

extern const BatchNormSumsKernel kBatchNormSumsChannelVectors, kBatchNormSumsReference;
extern const BatchNormMomentsKernel kBatchNormMomentsReference;
extern const BatchNormApplyKernel kBatchNormApplyChannelVectors, kBatchNormApplyReference;
extern const BatchNormBackwardSumsKernel kBatchNormBackwardSumsChannelVectors,
    kBatchNormBackwardSumsReference;
extern const BatchNormBackwardParametersKernel kBatchNormBackwardParametersReference;
extern const BatchNormBackwardApplyKernel kBatchNormBackwardApplyChannelVectors,
    kBatchNormBackwardApplyReference;

std::span<const BatchNormSumsKernel> batch_norm_sums_kernels(Backend backend) {
  static const std::array rows{kBatchNormSumsChannelVectors, kBatchNormSumsReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const BatchNormMomentsKernel> batch_norm_moments_kernels(Backend backend) {
  if (backend == Backend::cpu) return {&kBatchNormMomentsReference, 1};
  return {};
}

std::span<const BatchNormApplyKernel> batch_norm_apply_kernels(Backend backend) {
  static const std::array rows{kBatchNormApplyChannelVectors, kBatchNormApplyReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const BatchNormBackwardSumsKernel> batch_norm_backward_sums_kernels(Backend backend) {
  static const std::array rows{kBatchNormBackwardSumsChannelVectors,
                               kBatchNormBackwardSumsReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const BatchNormBackwardParametersKernel> batch_norm_backward_parameters_kernels(
    Backend backend) {
  if (backend == Backend::cpu) return {&kBatchNormBackwardParametersReference, 1};
  return {};
}

std::span<const BatchNormBackwardApplyKernel> batch_norm_backward_apply_kernels(Backend backend) {
  static const std::array rows{kBatchNormBackwardApplyChannelVectors,
                               kBatchNormBackwardApplyReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
