// Arithmetic on whole gradients: flat arrays of values, in part up to kMostArrays at once.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/arrays.h"
#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

struct VectorProblem {
  DType dtype = DType::f32;
  int64_t n = 1;
};

struct ArraysProblem {
  DType dtype = DType::f32;
  ArraySizes sizes{1};
};

// y += x, for each array.
struct AccumulateArgs {
  ArrayList<const void> x{};
  ArrayList<void> y{};
};

// y = x factor, rounded to the type first; one value, read in the run. y may be x.
struct ScaleArgs {
  const void* x = nullptr;
  const double* factor = nullptr;
  void* y = nullptr;
};

// sum = the sum of all values of all arrays squared, in double precision.
struct SumOfSquaresArgs {
  ArrayList<const void> x{};
  double* sum = nullptr;  // one value
};

struct ClampProblem {
  DType dtype = DType::f32;
  int64_t n = 1;
  double limit = 1;
};

// y = x, but at least -limit and at most limit; NaN stays NaN. y may be x.
struct ClampArgs {
  const void* x = nullptr;
  void* y = nullptr;
};

struct ClipNormProblem {
  int64_t sums = 1;
  double max_norm = 0;  // 0: no limit
};

// norm = scale times the root of the added sums of squares: the norm of all arrays, scaled, as one
// vector; factor = scale times max_norm / (norm + 1e-6), that at most 1: what to multiply the
// arrays with. The factor of a NaN is NaN.
struct ClipNormArgs {
  const double* squares = nullptr;
  const double* scale = nullptr;  // one value, not negative; null: 1
  double* norm = nullptr;
  double* factor = nullptr;
};

using AccumulateKernel = Kernel<ArraysProblem, AccumulateArgs>;
using ScaleKernel = Kernel<VectorProblem, ScaleArgs>;
using SumOfSquaresKernel = Kernel<ArraysProblem, SumOfSquaresArgs>;
using ClampKernel = Kernel<ClampProblem, ClampArgs>;
using ClipNormKernel = Kernel<ClipNormProblem, ClipNormArgs>;

// The reference (f32, f64) on the CPU, one row (f32) on the device. No result depends on the number
// of threads.
std::span<const AccumulateKernel> accumulate_kernels(Backend backend);
std::span<const ScaleKernel> scale_kernels(Backend backend);
std::span<const SumOfSquaresKernel> sum_of_squares_kernels(Backend backend);
std::span<const ClampKernel> clamp_kernels(Backend backend);
std::span<const ClipNormKernel> clip_norm_kernels(Backend backend);

}  // namespace sf
