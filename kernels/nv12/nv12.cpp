#include "kernels/nv12/nv12.h"

#include <array>

#include "kernels/base/device_table.h"

namespace sf {

SF_DEVICE_TABLE(Nv12Kernel, nv12_kernels)

extern const Nv12Kernel kNv12Reference;

std::span<const Nv12Kernel> nv12_kernels(Backend backend) {
  static const std::array rows{kNv12Reference};
  switch (backend) {
    case Backend::cpu: return rows;
    case Backend::simt: return simt::nv12_kernels();
    case Backend::cuda: return cuda::nv12_kernels();
  }
  return {};
}

}  // namespace sf
