// Peaks of GPUs from what the driver says of them.
#pragma once

#include <optional>

#include "kernels/base/cuda/runtime.h"
#include "kernels/base/peaks.h"

namespace sf::cuda {

// Multiprocessors times clock times what one does in a clock, dense; memory clock times the width
// of its bus. Both clocks are the highest that the device has, above those that makers quote for
// tensor cores and that it holds under load. A chip's smaller cards that do half types at a part of
// its rate (L40, A10G, H20) get the rate of the full one. None for compute capabilities that are
// not in the table.
std::optional<Peaks> peaks_of(const Properties& properties);

}  // namespace sf::cuda
