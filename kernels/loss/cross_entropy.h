// Cross-entropy of a softmax over logits, as a mean over rows, and its gradient.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// A pitch counts elements from one row to the next, >= classes.
struct CrossEntropyProblem {
  DType dtype = DType::f32;
  int64_t rows = 1;
  int classes = 1;
  double label_smoothing = 0;  // in [0, 1], with labels only
  int64_t ignored = -100;      // rows with this label count for nothing
  int64_t x_pitch = 1, targets_pitch = 1, dx_pitch = 1;
};

// Give either labels or targets. With labels and weights w (1 if null), L = log softmax(x):
//
//   loss = - sum over rows of ((1 - s) w[label] L[label] + s / classes sum over c of w[c] L[c])
//          / sum over rows of w[label],  s = label_smoothing.
//
// With targets, which need not add to 1: loss = - sum of targets L / rows. A label that is neither
// a class nor `ignored` makes the loss NaN; so does nothing to take the mean over.
struct CrossEntropyArgs {
  const void* x = nullptr;
  const int64_t* labels = nullptr;
  const void* targets = nullptr;
  const void* weights = nullptr;  // of the classes, with labels only
  void* loss = nullptr;           // one value
};

// dx = dloss d loss / dx, dloss one value. Ignored rows get 0. dx may be x with the same pitch.
struct CrossEntropyBackwardArgs {
  const void* x = nullptr;
  const int64_t* labels = nullptr;
  const void* targets = nullptr;
  const void* weights = nullptr;
  const void* dloss = nullptr;
  void* dx = nullptr;
};

using CrossEntropyKernel = Kernel<CrossEntropyProblem, CrossEntropyArgs>;
using CrossEntropyBackwardKernel = Kernel<CrossEntropyProblem, CrossEntropyBackwardArgs>;

// The reference (f32, f64); computes in double precision and rounds the results.
std::span<const CrossEntropyKernel> cross_entropy_kernels(Backend backend);
std::span<const CrossEntropyBackwardKernel> cross_entropy_backward_kernels(Backend backend);

}  // namespace sf
