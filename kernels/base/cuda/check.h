// Calls of the CUDA runtime that must not fail.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels/base/error.h"

namespace sf::cuda {

inline void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // said here, not again at the next launch
  throw Error(cat("cuda: ", call, ": ", cudaGetErrorString(error)));
}

}  // namespace sf::cuda

// SF_CUDA(cudaMemcpy(to, from, bytes, kind)): throws sf::Error with the call and CUDA's reason.
#define SF_CUDA(call) ::sf::cuda::check(call, #call)
