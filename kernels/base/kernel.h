// What every kernel table has in common. Kernels know sizes and pointers, never tensors; running
// one neither allocates nor throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "kernels/base/error.h"

namespace sf {

enum class Backend : uint8_t { cpu, simt, cuda };  // simt: the .cu sources on host fibers

// Where work goes, not owned: a cudaStream_t, or null for the calling thread and the CPU thread
// pool.
struct Queue {
  Backend backend = Backend::cpu;
  void* native = nullptr;
};

inline constexpr size_t kZeroedAlignment = 64;

// One implementation of one operation. Problem holds sizes and attributes, Args pointers.
template <class Problem, class Args>
struct Kernel {
  std::string_view name;  // as plans, benchmarks and traces print it
  bool exact = true;      // false: held to an error bound instead of bit equality on integer data
  bool (*can_run)(const Problem&) = nullptr;
  // Whether it is expected to be the fastest where it can run; null: always.
  bool (*worth)(const Problem&) = nullptr;
  // Everything below may be null: no workspace, nothing to prepare, weights taken as they are.
  std::shared_ptr<void> (*prepare)(const Problem&) = nullptr;  // plan time; may allocate and throw
  size_t (*workspace_bytes)(const Problem&, void* prepared) = nullptr;
  // Of the workspace's beginning, a multiple of kZeroedAlignment: zero before a run and left zero.
  size_t (*zeroed_bytes)(const Problem&) = nullptr;
  size_t (*packed_bytes)(const Problem&, void* prepared) = nullptr;
  void (*pack)(const Problem&, const void* weights, void* packed, void* prepared) = nullptr;
  void (*run)(const Problem&, const Args&, void* prepared, void* workspace, Queue) = nullptr;
  int (*launches)(const Problem&) = nullptr;  // of device kernels in one run; null: one
};

// The first row that can run the problem and is worth it, or null. Tables are ordered best first,
// reference last.
template <class Problem, class Args>
const Kernel<Problem, Args>* select(std::span<const Kernel<Problem, Args>> table,
                                    const Problem& problem) {
  for (const auto& kernel : table)
    if (kernel.can_run(problem) && (!kernel.worth || kernel.worth(problem))) return &kernel;
  return nullptr;
}

}  // namespace sf
