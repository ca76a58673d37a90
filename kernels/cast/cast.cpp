#include "kernels/cast/cast.h"

#include <array>

#include "kernels/base/device_table.h"

namespace sf {

SF_DEVICE_TABLE(CastKernel, cast_kernels)

extern const CastKernel kCastChannelVectors, kCastReference;

std::span<const CastKernel> cast_kernels(Backend backend) {
  static const std::array rows{kCastChannelVectors, kCastReference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::cast_kernels();
    case Backend::cuda: return cuda::cast_kernels();
  }
  return {};
}

}  // namespace sf
