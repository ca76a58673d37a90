#include "kernels/optimizer/optimizer.h"

#include <array>

namespace sf {

extern const SgdKernel kSgdVectors, kSgdReference;
extern const AdamKernel kAdamVectors, kAdamReference;
extern const LarsKernel kLarsReference;

std::span<const SgdKernel> sgd_kernels(Backend backend) {
  static const std::array rows{kSgdVectors, kSgdReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const AdamKernel> adam_kernels(Backend backend) {
  static const std::array rows{kAdamVectors, kAdamReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

std::span<const LarsKernel> lars_kernels(Backend backend) {
  if (backend == Backend::cpu) return {&kLarsReference, 1};
  return {};
}

}  // namespace sf
