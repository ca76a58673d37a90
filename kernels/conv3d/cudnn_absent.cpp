// A build without cuDNN.
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"

namespace sf::cudnn {

std::span<const Conv3dKernel> conv3d_kernels() { return {}; }
std::span<const Conv3dBackwardDataKernel> conv3d_backward_data_kernels() { return {}; }
std::span<const Conv3dBackwardWeightKernel> conv3d_backward_weight_kernels() { return {}; }

}  // namespace sf::cudnn
