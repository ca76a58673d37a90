// A build without cuBLASLt.
#include "kernels/base/cuda/libraries.h"

namespace sf {

std::string describe_cublaslt() { return "not built in"; }

}  // namespace sf
