// Dense, row-major tensors with shared ownership: parameters, batches and results, never
// intermediates of a graph.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tensor/shape.h"
#include "tensor/storage.h"

namespace sf {

class Tensor {
 public:
  Tensor() = default;  // empty: tests false
  // Contents undefined.
  explicit Tensor(TensorType type, Device device = {});
  // A tensor over part of a storage. Throws if it does not fit.
  Tensor(TensorType type, std::shared_ptr<Storage> storage, size_t offset_bytes);

  static Tensor zeros(TensorType type);  // on the host
  template <class T>
  static Tensor from(std::span<const T> values, Shape shape) {
    SF_CHECK(int64_t(values.size()) == shape.numel(), "tensor: ", values.size(),
             " values for shape ", shape);
    Tensor t({shape, dtype_of<T>});
    std::copy(values.begin(), values.end(), t.span<T>().begin());
    return t;
  }
  template <class T>
  static Tensor from(const std::vector<T>& values, Shape shape) {
    return from(std::span<const T>(values), shape);
  }

  explicit operator bool() const { return storage_ != nullptr; }
  const TensorType& type() const { return type_; }
  const Shape& shape() const { return type_.shape; }
  DType dtype() const { return type_.dtype; }
  int64_t numel() const { return type_.shape.numel(); }
  Device device() const { return storage_->device(); }
  std::byte* data() const { return storage_->data() + offset_; }
  // Host tensors only; throws if T is not the element type.
  template <class T>
  std::span<T> span() const {
    SF_CHECK(dtype_of<T> == type_.dtype, "tensor: wanted ", dtype_of<T>, ", found ", type_);
    check_on_host();
    return {reinterpret_cast<T*>(data()), size_t(numel())};
  }

  // A copy with its own memory, on the same device.
  Tensor clone() const;
  // A copy on another device, or on the same one.
  Tensor copy_on(Device device) const;
  // This tensor if the device sees its memory, else a copy.
  Tensor to(Device device) const;
  // Host tensors only: a copy with elements converted, of any type to f32, f64, bf16, f16 or i64.
  Tensor to(DType dtype) const;
  // The same memory under another shape of equal size.
  Tensor reshape(Shape shape) const;
  // The same memory, of index i of the first axis alone.
  Tensor row(int64_t i) const;
  // Bytes copied from a tensor of the same type, on any device.
  void copy_from(const Tensor& source) const;
  // Moves the storage, and with it every tensor that shares it.
  void move_to(Device device) const { storage_->move_to(device); }

 private:
  void check_on_host() const;

  TensorType type_;
  std::shared_ptr<Storage> storage_;
  size_t offset_ = 0;
};

// The N C T H W order of checkpoints and PyTorch (or O I T H W of weights) to channels-last, and
// back. Rank 5 only; other ranks are returned as they are. A tensor whose elements keep their order
// shares its memory with the result.
Tensor channels_last_from_first(const Tensor& tensor);
Tensor channels_first_from_last(const Tensor& tensor);
// The same from bytes of any alignment, which hold a tensor of the given type; always a copy.
Tensor channels_last_from_first(const TensorType& type, std::span<const std::byte> bytes);
Shape channels_last(const Shape& channels_first);
Shape channels_first(const Shape& channels_last);

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

}  // namespace sf
