// Memory of batches, used again: the kernel clears what is new, which takes as long as filling it.
#pragma once

#include <cstddef>
#include <memory>

#include "tensor/tensor.h"

namespace sf {

// Any thread. Tensors may outlive it.
class BatchMemory {
 public:
  // Keeps released memory of up to `spare_bytes`.
  explicit BatchMemory(size_t spare_bytes);

  // A tensor whose memory is kept for another when the last of its owners releases it. Contents
  // undefined.
  Tensor tensor(TensorType type);
  // Frees what is kept.
  void clear();

 private:
  class Spare;
  std::shared_ptr<Spare> spare_;
};

}  // namespace sf
