// Batch normalisation with the statistics of the batch, and its gradients, in steps that meet in
// sums over pixels: what replicas add up to normalise over all their batches together.
//
//   forward:   sums -> moments -> apply
//   backward:  backward_sums -> backward_parameters, backward_apply
//
// Sums and moments are double precision in every step: for each split and channel. An array of
// sums holds two such blocks, one behind the other. With them goes their count, the number of
// values in each sum, one double: replicas add it up as well, so that their batches may differ.
// Activations and their gradients have the problem's type; gamma, beta, their gradients and the
// running moments have arithmetic_of(dtype).
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// Sample i belongs to split i % splits; every split has moments of its own. Pitches count elements
// from one pixel to the next, >= c.
struct BatchNormTrainingProblem {
  DType dtype = DType::f32;
  int64_t samples = 1, sample_pixels = 1;
  int c = 1;
  int splits = 1;  // divides the samples
  double epsilon = 1e-5;
  double momentum = 0.1;  // weight of the batch in the running moments
  bool bessel = true;  // the running variance takes n / (n - 1) of the batch's; false: the batch's
  double share = 1;    // what dgamma and dbeta have of what the sums make them
  bool residual = false;
  Activation activation = Activation::none;
  int64_t x_pitch = 1, y_pitch = 1, residual_pitch = 1, dy_pitch = 1, dx_pitch = 1;

  int64_t pixels() const { return samples * sample_pixels; }
  // Values in each sum.
  int64_t count() const { return samples / splits * sample_pixels; }
};

// sums = the sums of x, then of x squared.
struct BatchNormSumsArgs {
  const void* x = nullptr;
  double* sums = nullptr;
  double* count = nullptr;
};

// mean and inverse_std = 1 / sqrt(variance + epsilon) of the batch, where variance is the mean
// square deviation; running = (1 - momentum) running + momentum batch. The running moments are
// splits x c values each. A count of 1 has no Bessel-corrected variance: the running one becomes
// NaN.
struct BatchNormMomentsArgs {
  const double* sums = nullptr;  // null: mean and inverse_std come from the running moments
  const double* count = nullptr;
  void* running_mean = nullptr;
  void* running_variance = nullptr;
  double* mean = nullptr;
  double* inverse_std = nullptr;
};

// y = activation((x - mean) inverse_std gamma + beta + residual). y overlaps no input but the
// residual, of the same pitch.
struct BatchNormApplyArgs {
  const void* x = nullptr;
  const double* mean = nullptr;
  const double* inverse_std = nullptr;
  const void* gamma = nullptr;
  const void* beta = nullptr;
  const void* residual = nullptr;  // null without residual
  void* y = nullptr;
};

// g = dy where y > 0, elsewhere 0 (without activation: dy); sums = the sums of g, then of g (x -
// mean). g is the residual's gradient too, and stored where it is wanted.
struct BatchNormBackwardSumsArgs {
  const void* x = nullptr;
  const void* y = nullptr;  // null without activation
  const void* dy = nullptr;
  const double* mean = nullptr;
  double* sums = nullptr;
  double* count = nullptr;
  void* dresidual = nullptr;  // null without residual; may be dy with the same pitch
};

struct BatchNormBackwardParametersArgs {
  const double* sums = nullptr;
  const double* inverse_std = nullptr;
  void* dgamma = nullptr;
  void* dbeta = nullptr;
};

// dx = gamma inverse_std (g - mean of g - (x - mean) inverse_std^2 mean of g (x - mean)), g as
// above. With a residual, dresidual is g already: give it as dy, and no activation. dx may be dy
// with the same pitch; apart from that it overlaps nothing.
struct BatchNormBackwardApplyArgs {
  const void* x = nullptr;
  const void* y = nullptr;  // null without activation
  const void* dy = nullptr;
  const double* mean = nullptr;
  const double* inverse_std = nullptr;
  const void* gamma = nullptr;
  const double* sums = nullptr;  // null: the moments did not come from x but are constants
  const double* count = nullptr;
  void* dx = nullptr;
};

using BatchNormSumsKernel = Kernel<BatchNormTrainingProblem, BatchNormSumsArgs>;
using BatchNormMomentsKernel = Kernel<BatchNormTrainingProblem, BatchNormMomentsArgs>;
using BatchNormApplyKernel = Kernel<BatchNormTrainingProblem, BatchNormApplyArgs>;
using BatchNormBackwardSumsKernel = Kernel<BatchNormTrainingProblem, BatchNormBackwardSumsArgs>;
using BatchNormBackwardParametersKernel =
    Kernel<BatchNormTrainingProblem, BatchNormBackwardParametersArgs>;
using BatchNormBackwardApplyKernel = Kernel<BatchNormTrainingProblem, BatchNormBackwardApplyArgs>;

// Best first, the reference (every real type, everything) last. No result depends on the number of
// threads. The device's sums go by strips in single precision; see the README for their bound. A
// NaN leaves the activation as NaN, and its gradient passes.
std::span<const BatchNormSumsKernel> batch_norm_sums_kernels(Backend backend);
std::span<const BatchNormMomentsKernel> batch_norm_moments_kernels(Backend backend);
std::span<const BatchNormApplyKernel> batch_norm_apply_kernels(Backend backend);
std::span<const BatchNormBackwardSumsKernel> batch_norm_backward_sums_kernels(Backend backend);
std::span<const BatchNormBackwardParametersKernel> batch_norm_backward_parameters_kernels(
    Backend backend);
std::span<const BatchNormBackwardApplyKernel> batch_norm_backward_apply_kernels(Backend backend);

}  // namespace sf
