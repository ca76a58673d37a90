// Binary cross-entropy of probabilities or of logits, as a mean over all values, and its gradient.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// A pitch counts elements from one row to the next, >= cols.
struct BinaryCrossEntropyProblem {
  DType dtype = DType::f32;
  int64_t rows = 1;
  int cols = 1;
  bool logits = false;  // x are logits, else probabilities
  int64_t x_pitch = 1, targets_pitch = 1, dx_pitch = 1;
};

// loss = mean of - t log(p) - (1 - t) log(1 - p) over cols and the first rows_used rows. p is x,
// and each logarithm at least -100; with logits it is sigmoid(x), in a form that does not overflow.
// The loss is NaN for a probability outside 0 to 1 and for no rows.
struct BinaryCrossEntropyArgs {
  const void* x = nullptr;
  const void* targets = nullptr;
  const int64_t* rows_used = nullptr;  // one value, read in the run; null: all rows
  void* loss = nullptr;                // one value
};

// dx = dloss d loss / dx, dloss one value: (p - t) dloss / values, for probabilities divided by p
// (1
// - p), at least 1e-12. Rows that are not used get 0. dx may be x with the same pitch.
struct BinaryCrossEntropyBackwardArgs {
  const void* x = nullptr;
  const void* targets = nullptr;
  const int64_t* rows_used = nullptr;
  const void* dloss = nullptr;
  void* dx = nullptr;
};

using BinaryCrossEntropyKernel = Kernel<BinaryCrossEntropyProblem, BinaryCrossEntropyArgs>;
using BinaryCrossEntropyBackwardKernel =
    Kernel<BinaryCrossEntropyProblem, BinaryCrossEntropyBackwardArgs>;

// The reference (f32, f64); computes in double precision and rounds the results.
std::span<const BinaryCrossEntropyKernel> binary_cross_entropy_kernels(Backend backend);
std::span<const BinaryCrossEntropyBackwardKernel> binary_cross_entropy_backward_kernels(
    Backend backend);

}  // namespace sf
