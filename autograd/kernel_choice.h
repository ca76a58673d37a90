// What the choice of kernels may give up of exactness for speed.
#pragma once

namespace sf {

struct KernelChoice {
  bool tf32 = false;      // products of f32 may round their factors to 10 bits of mantissa
  bool winograd = false;  // as Conv3dProblem has it
  // Where kernels can be measured, those that were not measured on this machine before are
  // (kernel_times.h), and the fastest is taken; off: the best by its place in the table.
  bool tune = false;

  bool operator==(const KernelChoice&) const = default;
};

}  // namespace sf
