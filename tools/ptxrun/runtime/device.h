// The devices that the stand-in shows, all alike: the limits of sm_80 or sm_90.
#pragma once

#include <cstddef>

#include "runtime/status.h"

namespace ptxrun {

// PTXRUN_DEVICES=0: as on a machine without a driver.
int device_count();
cudaError_t require_device();
int current_device();      // the calling thread's
size_t memory_limit();     // PTXRUN_MEMORY_MB
int multiprocessors();     // PTXRUN_SMS
int shared_optin_bytes();  // of a block, with cudaFuncSetAttribute
int shared_multiprocessor_bytes();

constexpr int kSharedBytes = 48 << 10;  // of a block, without
constexpr int kMaxThreads = 1024;
constexpr int kMaxThreadsPerMultiprocessor = 2048;

}  // namespace ptxrun
