// Sums over ranks.
#pragma once

#include <memory>

#include "autograd/graph.h"

namespace sf {

class ProcessGroup;

// The sums over the ranks of the group of each element of x: f32, f64 or i64; on a CUDA device the
// group takes its memory. The graphs of all ranks have the same such nodes in the same order, and
// run together: a run waits for the other ranks, and throws what the group throws. Has no gradient.
Value all_reduce(Value x, std::shared_ptr<ProcessGroup> group);

}  // namespace sf
