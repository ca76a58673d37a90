#include "kernels/batch_norm/batch_norm.h"

#include <array>

#include "kernels/base/device_table.h"

namespace sf {

extern const BatchNormKernel kBatchNormChannelVectors, kBatchNormReference;
extern const FoldScaleKernel kFoldScaleReference;
extern const FoldBiasKernel kFoldBiasReference;

SF_DEVICE_TABLE(BatchNormKernel, batch_norm_kernels)
SF_DEVICE_TABLE(FoldScaleKernel, fold_scale_kernels)
SF_DEVICE_TABLE(FoldBiasKernel, fold_bias_kernels)

std::span<const BatchNormKernel> batch_norm_kernels(Backend backend) {
  static const std::array rows{kBatchNormChannelVectors, kBatchNormReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::batch_norm_kernels();
    case Backend::cuda: return cuda::batch_norm_kernels();
  }
  return {};
}

std::span<const FoldScaleKernel> fold_scale_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kFoldScaleReference, 1};
    case Backend::simt: return simt::fold_scale_kernels();
    case Backend::cuda: return cuda::fold_scale_kernels();
  }
  return {};
}

std::span<const FoldBiasKernel> fold_bias_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kFoldBiasReference, 1};
    case Backend::simt: return simt::fold_bias_kernels();
    case Backend::cuda: return cuda::fold_bias_kernels();
  }
  return {};
}

}  // namespace sf
