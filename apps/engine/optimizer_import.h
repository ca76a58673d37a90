// The optimizer of a PyTorch checkpoint under the engine's names.
#pragma once

#include <vector>

#include "layers/module.h"
#include "tensor/checkpoint.h"

namespace sf {

// Whether the checkpoint holds an optimizer that PyTorch wrote.
bool has_pytorch_optimizer(const Checkpoint& checkpoint);

struct ImportedOptimizer {
  NamedTensors tensors;  // "PARAMETER/momentum_buffer", "/exp_avg", "/exp_avg_sq"; shared memory
  int64_t steps = 0;     // those that adam counted; 1 if only momentum tells that there were some
};

// groups: what learns, in the order of PySlowFast's optimizer: the batch norms, the others, those
// without weight decay; each in the order of its modules; empty groups do not count. Throws if the
// file has other groups or a tensor does not fit its parameter.
ImportedOptimizer import_optimizer(const Checkpoint& checkpoint,
                                   const std::vector<std::vector<Parameter>>& groups);

}  // namespace sf
