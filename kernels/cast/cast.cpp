#include "kernels/cast/cast.h"

#include <array>

namespace sf {

extern const CastKernel kCastChannelVectors, kCastReference;

std::span<const CastKernel> cast_kernels(Backend backend) {
  static const std::array rows{kCastChannelVectors, kCastReference};
  if (backend == Backend::cpu) return rows;
  return {};
}

}  // namespace sf
