// Which device a configuration asks for.
#pragma once

#include <string>

#include "configs/config.h"

namespace sf {

// SF.DEVICE, but for "auto" on what no GPU is wanted for: NUM_GPUS 0, and float64, which has no
// kernels there, are "cpu". What "auto" stands for else is the machine's to say (Device::parse).
std::string device_name(const Config& config);

}  // namespace sf
