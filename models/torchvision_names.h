// Names of torchvision's ResNets, from which video networks are often inflated.
#pragma once

#include <string>

#include "tensor/tensor.h"

namespace sf {

// Whether the tensors are those of a torchvision ResNet of bottleneck blocks.
bool has_torchvision_names(const NamedTensors& tensors);

// "layer1.0.conv2.weight" -> "s2.pathway0_res0.branch2.b.weight"; other names are returned as they
// are.
std::string from_torchvision_name(const std::string& name);

}  // namespace sf
