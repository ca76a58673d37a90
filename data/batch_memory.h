// Memory of batches, used again: the kernel clears what is new, which takes as long as filling it.
#pragma once

#include <cstddef>
#include <memory>

#include "tensor/tensor.h"

namespace sf {

// Any thread. Tensors may outlive it. Copies share what is kept.
class BatchMemory {
 public:
  // Keeps released memory of up to `spare_bytes` of that device.
  explicit BatchMemory(size_t spare_bytes, Device device = {});

  Device device() const { return device_; }
  // A tensor whose memory is kept for another when the last of its owners releases it, behind all
  // work on it. Contents undefined.
  Tensor tensor(TensorType type);
  // Frees what is kept.
  void clear();

 private:
  class Spare;
  Device device_;
  std::shared_ptr<Spare> spare_;
};

}  // namespace sf
