#include "tensor/stored_tensor.h"

#include <utility>

namespace sf {

NamedTensors load(const std::vector<StoredTensor>& tensors) {
  NamedTensors out;
  out.reserve(tensors.size());
  for (const StoredTensor& tensor : tensors) out.emplace_back(tensor.name, tensor.load());
  return out;
}

StoredTensor stored(std::string name, const Tensor& tensor) {
  return {std::move(name), tensor.type(), [tensor] { return tensor; }};
}

std::vector<StoredTensor> stored(const NamedTensors& tensors) {
  std::vector<StoredTensor> out;
  out.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) out.push_back(stored(name, tensor));
  return out;
}

Tensor mapped_tensor(const std::shared_ptr<const MappedFile>& file, const TensorType& type,
                     size_t offset) {
  const auto bytes = file->bytes().subspan(offset, size_t(type.bytes()));
  const std::shared_ptr<const void> owner(
      bytes.data(),
      [file, offset, size = bytes.size()](const void*) { file->drop_pages(offset, size); });
  return Tensor(type, Storage::borrow(bytes.data(), bytes.size(), owner), 0);
}

}  // namespace sf
