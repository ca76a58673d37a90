// Batch normalisation with given statistics, and its folding into the convolution before it.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// A pitch counts elements from one pixel to the next, >= c. x and y have the problem's type, the
// four arrays of c values arithmetic_of(dtype).
struct BatchNormProblem {
  DType dtype = DType::f32;
  int64_t pixels = 1;
  int c = 1;
  double epsilon = 1e-5;
  int64_t x_pitch = 1, y_pitch = 1;
};

// y = (x - mean) / sqrt(variance + epsilon) gamma + beta, each of the four c values. y may be x
// with the same pitch; apart from that it overlaps nothing.
struct BatchNormArgs {
  const void* x = nullptr;
  const void* gamma = nullptr;
  const void* beta = nullptr;
  const void* mean = nullptr;
  const void* variance = nullptr;
  void* y = nullptr;
};

using BatchNormKernel = Kernel<BatchNormProblem, BatchNormArgs>;

// Best first, the reference (every real type) last. Computed as x scale + shift; the two come from
// the statistics in double precision and are rounded once.
std::span<const BatchNormKernel> batch_norm_kernels(Backend backend);

// A convolution with k outputs of `per_output` weights each, followed by a batch normalisation.
struct FoldProblem {
  DType dtype = DType::f32;
  int k = 1;
  int64_t per_output = 1;  // fold_bias ignores it
  double epsilon = 1e-5;
};

// y[o, i] = w[o, i] gamma[o] / sqrt(variance[o] + epsilon): the weights of the folded convolution.
struct FoldScaleArgs {
  const void* w = nullptr;
  const void* gamma = nullptr;
  const void* variance = nullptr;
  void* y = nullptr;
};

// y[o] = beta[o] + (bias[o] - mean[o]) gamma[o] / sqrt(variance[o] + epsilon): its bias.
struct FoldBiasArgs {
  const void* bias = nullptr;  // null: zeros
  const void* gamma = nullptr;
  const void* beta = nullptr;
  const void* mean = nullptr;
  const void* variance = nullptr;
  void* y = nullptr;
};

using FoldScaleKernel = Kernel<FoldProblem, FoldScaleArgs>;
using FoldBiasKernel = Kernel<FoldProblem, FoldBiasArgs>;

// The reference (f32, f64), computed in double precision and rounded once.
std::span<const FoldScaleKernel> fold_scale_kernels(Backend backend);
std::span<const FoldBiasKernel> fold_bias_kernels(Backend backend);

}  // namespace sf
