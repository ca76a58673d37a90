#include "kernels/linear/linear.h"

#include <array>

namespace sf {

extern const LinearKernel kLinearOneDnn, kLinearReference;

std::span<const LinearKernel> linear_kernels(Backend backend) {
  static const std::array rows{kLinearOneDnn, kLinearReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
