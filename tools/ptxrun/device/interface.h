// What a compiled module offers: C functions, found by name with dlsym.
#pragma once

#include <cstdint>

namespace ptxrun {

struct LaunchStats {
  uint64_t warp_instructions;
  uint64_t errors;
  double seconds;
};

struct KernelAttributes {
  uint32_t static_shared;  // bytes of a block
  uint32_t local;          // bytes of a thread, as PTX declares them
  uint32_t max_threads;    // of a block, from __launch_bounds__; 1024 without
};

struct LaunchOptions {
  uint32_t grid[3], block[3];
  uint32_t dynamic_shared;
  int32_t check;    // 0 nothing, 1 addresses and alignment, 2 races on shared memory too
  int32_t order;    // of warps and CTAs: 0 ascending, 1 descending, else the seed of a random one
  int32_t threads;  // that CTAs are spread over
};

extern "C" {
// The name of kernel `index`, or null past the last.
using KernelNameFunction = const char*(int index);
// Writes offset, size and type (u32, f32, ..., "blob") of at most `capacity` parameters; types may
// be null. Returns how many there are, or -1 if there is no such kernel.
using ParametersFunction = int(const char* kernel, uint32_t* offset, uint32_t* size,
                               const char** type, int capacity);
// A module variable, or null.
using SymbolFunction = void*(const char* name, uint64_t* size);
// False if there is no such kernel.
using AttributesFunction = bool(const char* kernel, KernelAttributes*);
// Adds memory that the next launch may touch; forgets all of it.
using AddBufferFunction = void(const void* data, uint64_t size, int read_only);
using ClearBuffersFunction = void();
// Runs one launch. Not zero if anything was reported.
using LaunchFunction = int(const char* kernel, const LaunchOptions*, const void* parameters,
                           LaunchStats*);
}

}  // namespace ptxrun
