// What all parts of the stand-in share: the lock, the error state, settings from the environment.
#pragma once

#include <mutex>
#include <string>

#include <cuda_runtime_api.h>

namespace ptxrun {

// Every call holds it; kernels run inside the call that launches them.
std::recursive_mutex& runtime_mutex();
using Lock = std::lock_guard<std::recursive_mutex>;

// Remembers the error for cudaGetLastError and returns it; says why on stderr.
cudaError_t fail(cudaError_t error, const std::string& why);
// The same for programs that ask and expect a refusal: no line.
cudaError_t refuse(cudaError_t error);
// After an error inside a kernel every call fails, as on a GPU.
cudaError_t kernel_failed(cudaError_t error);
cudaError_t sticky_error();

int setting(const char* name, int otherwise);

// Of everything that the program's fat binaries hold; 80 without any.
int compute_capability();

}  // namespace ptxrun
