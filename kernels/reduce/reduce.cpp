#include "kernels/reduce/reduce.h"

#include <array>

namespace sf {

extern const SumPixelsKernel kSumPixelsChannelVectors, kSumPixelsReference;

std::span<const SumPixelsKernel> sum_pixels_kernels(Backend backend) {
  static const std::array rows{kSumPixelsChannelVectors, kSumPixelsReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
