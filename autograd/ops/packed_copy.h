// Copies of whole tensors to or from their places in one array.
#pragma once

#include <vector>

#include "autograd/ops/lower.h"
#include "kernels/concat/concat.h"

namespace sf {

// One of the tensors that does not lie where it belongs.
struct PackedCopy {
  const CopyKernel* kernel;
  CopyProblem problem;
  size_t port, offset;  // of the tensor, and in bytes of the array
};

// places: of each tensor in the array, in elements.
inline std::vector<PackedCopy> packed_copies(const std::vector<OpSite::Port>& tensors,
                                             const OpSite::Port& array,
                                             const std::vector<int64_t>& places, Backend backend) {
  std::vector<PackedCopy> all;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorType& type = tensors[i].type;
    const size_t offset = size_t(places[i]) * size_of(type.dtype);
    if (tensors[i].lies_in(array, offset)) continue;
    const auto n = int(type.shape.numel());
    const CopyProblem p{.dtype = type.dtype, .pixels = 1, .c = n, .x_pitch = n, .y_pitch = n};
    all.push_back({&best_kernel(copy_kernels(backend), p, "copy"), p, i, offset});
  }
  return all;
}

inline void run(const PackedCopy& copy, const std::byte* from, std::byte* to, Queue queue) {
  copy.kernel->run(copy.problem, {.x = from, .y = to}, nullptr, nullptr, queue);
}

}  // namespace sf
