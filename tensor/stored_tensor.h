// Tensors that are still in their file.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tensor/mapped_file.h"
#include "tensor/tensor.h"

namespace sf {

struct StoredTensor {
  std::string name;
  TensorType type;               // of the loaded tensor
  std::function<Tensor()> load;  // reads it, each time anew; throws sf::Error that names it
};

// All of them, loaded in their order.
NamedTensors load(const std::vector<StoredTensor>& tensors);
// Tensors in memory as if they were stored; they share the memory.
StoredTensor stored(std::string name, const Tensor& tensor);
std::vector<StoredTensor> stored(const NamedTensors& tensors);

// A tensor over bytes of the file from `offset` on, which gives their pages back in the end.
Tensor mapped_tensor(const std::shared_ptr<const MappedFile>& file, const TensorType& type,
                     size_t offset);

}  // namespace sf
