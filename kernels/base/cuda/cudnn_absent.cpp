// A build without cuDNN.
#include "kernels/base/cuda/libraries.h"

namespace sf {

std::string describe_cudnn() { return "not built in"; }

}  // namespace sf
