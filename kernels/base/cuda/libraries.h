// NVIDIA's libraries that rows of the cuda backend call.
#pragma once

#include <string>

namespace sf {

// One line for people: the version, or why there is none.
std::string describe_cudnn();
std::string describe_cublaslt();

}  // namespace sf
