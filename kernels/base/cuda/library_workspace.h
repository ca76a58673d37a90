// Where libraries want their workspace. cuBLASLt asks for 256 bytes, cuDNN does not say; memory
// that CUDA gives is aligned so, a plan's parts of it less.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sf::cuda {

constexpr size_t kWorkspaceAlignment = 256;

// What to ask of a plan, so that `bytes` are left behind aligned_workspace().
constexpr size_t unaligned_workspace_bytes(size_t bytes) {
  return bytes ? bytes + kWorkspaceAlignment : 0;
}

inline void* aligned_workspace(void* workspace) {
  const auto up = reinterpret_cast<uintptr_t>(workspace) + kWorkspaceAlignment - 1;
  return reinterpret_cast<void*>(up / kWorkspaceAlignment * kWorkspaceAlignment);
}

}  // namespace sf::cuda
