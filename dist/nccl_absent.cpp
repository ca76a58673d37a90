// A build without NCCL.
#include "dist/device_group.h"
#include "kernels/base/error.h"

namespace sf {

std::shared_ptr<ProcessGroup> device_group(const DeviceGroupOptions& options) {
  throw Error(cat("device ", options.device,
                  ": values on GPUs are exchanged by NCCL, which is not ", "built in"));
}

std::string describe_nccl() { return "not built in"; }

}  // namespace sf
