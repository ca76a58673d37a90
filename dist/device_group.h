// Groups of processes whose values lie in the memory of a CUDA device each: NVIDIA's NCCL.
#pragma once

#include <memory>
#include <string>

#include "dist/control/connection.h"
#include "dist/process_group.h"

namespace sf {

struct DeviceGroupOptions {
  std::shared_ptr<ProcessGroup> host;  // the same ranks, used by nobody else
  std::shared_ptr<ControlConnection> control;
  std::string name;  // of the group, in the control plane
  int first = 0;     // number of the group's rank 0 among all ranks
  int device = 0;
};

// Sums are NCCL's: the same bits on all ranks, but added in the type itself and in an order of its
// own. A failure of the job ends what waits, and the group. Throws where this build has no NCCL, or
// the machine has none; all ranks of the host's group call it together.
std::shared_ptr<ProcessGroup> device_group(const DeviceGroupOptions& options);

// One line for people: NCCL's version, or why there is none.
std::string describe_nccl();

}  // namespace sf
