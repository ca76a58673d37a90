// The parts of a clip that the pathways of a network take.
#pragma once

#include <cstdint>
#include <vector>

#include "data/batch_memory.h"
#include "tensor/device_queue.h"
#include "tensor/tensor.h"

namespace sf {

// {slow, fast} of a clip, f32 T H W C: the slow pathway takes slow_indices() of its T frames.
// {clip} for alpha 0. The slow one lies in `memory`, of the clip's device; its copies are queued.
std::vector<Tensor> pathways_of(Tensor clip, int64_t alpha, BatchMemory memory = BatchMemory(0),
                                const DeviceQueue& queue = {});

}  // namespace sf
