// Copies pixels from one pitch to another: a concatenation over channels is one such copy for each
// input, to its first channel of the output.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// A pitch counts elements from one pixel to the next, >= c.
struct CopyProblem {
  DType dtype = DType::f32;  // any
  int64_t pixels = 1;
  int c = 1;
  int64_t x_pitch = 1, y_pitch = 1;
};

// y overlaps nothing.
struct CopyArgs {
  const void* x = nullptr;
  void* y = nullptr;
};

using CopyKernel = Kernel<CopyProblem, CopyArgs>;

// One row a backend: every type, every pitch.
std::span<const CopyKernel> copy_kernels(Backend backend);

}  // namespace sf
