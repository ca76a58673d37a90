#include "kernels/batch_norm/batch_norm.h"

#include <array>

namespace sf {

extern const BatchNormKernel kBatchNormChannelVectors, kBatchNormReference;
extern const FoldScaleKernel kFoldScaleReference;
extern const FoldBiasKernel kFoldBiasReference;

std::span<const BatchNormKernel> batch_norm_kernels(Backend backend) {
  static const std::array rows{kBatchNormChannelVectors, kBatchNormReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const FoldScaleKernel> fold_scale_kernels(Backend backend) {
  if (backend == Backend::cpu) return {&kFoldScaleReference, 1};
  return {};
}

std::span<const FoldBiasKernel> fold_bias_kernels(Backend backend) {
  if (backend == Backend::cpu) return {&kFoldBiasReference, 1};
  return {};
}

}  // namespace sf
