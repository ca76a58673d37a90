#include "tensor/tensor.h"

#include <algorithm>
#include <cstring>

namespace sf {
namespace {

template <class To, class From>
void convert(const Tensor& from, const Tensor& to) {
  std::ranges::transform(from.span<From>(), to.span<To>().begin(),
                         [](From v) { return static_cast<To>(v); });
}

template <class From>
void convert_from(const Tensor& from, const Tensor& to) {
  switch (to.dtype()) {
    case DType::f32: return convert<float, From>(from, to);
    case DType::f64: return convert<double, From>(from, to);
    case DType::i64: return convert<int64_t, From>(from, to);
    default: throw Error(cat("tensor: cannot convert ", from.type(), " to ", to.dtype()));
  }
}

// Transposes each of `outer` matrices of rows x cols elements.
template <class T>
void transpose(const T* from, T* to, int64_t outer, int64_t rows, int64_t cols) {
  for (int64_t o = 0; o < outer; ++o, from += rows * cols, to += rows * cols)
    for (int64_t c = 0; c < cols; ++c)
      for (int64_t r = 0; r < rows; ++r) to[c * rows + r] = from[r * cols + c];
}

void transpose(const Tensor& from, const Tensor& to, int64_t outer, int64_t rows, int64_t cols) {
  if (from.numel() == 0) return;  // other extents may be so large that counting to them takes years
  switch (size_of(from.dtype())) {
    case 1: return transpose((const uint8_t*)from.data(), (uint8_t*)to.data(), outer, rows, cols);
    case 2: return transpose((const uint16_t*)from.data(), (uint16_t*)to.data(), outer, rows, cols);
    case 4: return transpose((const uint32_t*)from.data(), (uint32_t*)to.data(), outer, rows, cols);
    default:
      return transpose((const uint64_t*)from.data(), (uint64_t*)to.data(), outer, rows, cols);
  }
}

}  // namespace

Tensor::Tensor(TensorType type, Device device)
    : type_(type), storage_(Storage::allocate(device, size_t(type.bytes()))) {}

Tensor::Tensor(TensorType type, std::shared_ptr<Storage> storage, size_t offset_bytes)
    : type_(type), storage_(std::move(storage)), offset_(offset_bytes) {
  SF_CHECK(offset_ <= storage_->size() && size_t(type_.bytes()) <= storage_->size() - offset_,
           "tensor: ", type_, " at byte ", offset_, " does not fit in ", storage_->size(),
           " bytes");
}

Tensor Tensor::zeros(TensorType type) {
  Tensor t(type);
  std::memset(t.data(), 0, size_t(type.bytes()));
  return t;
}

Tensor Tensor::clone() const {
  Tensor t(type_);
  t.copy_from(*this);
  return t;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == type_.dtype) return clone();
  Tensor t({type_.shape, dtype});
  switch (type_.dtype) {
    case DType::f32: convert_from<float>(*this, t); break;
    case DType::f64: convert_from<double>(*this, t); break;
    case DType::u8: convert_from<uint8_t>(*this, t); break;
    case DType::i32: convert_from<int32_t>(*this, t); break;
    case DType::i64: convert_from<int64_t>(*this, t); break;
    default: throw Error(cat("tensor: cannot convert ", type_, " to ", dtype));
  }
  return t;
}

Tensor Tensor::reshape(Shape shape) const {
  SF_CHECK(shape.numel() == numel(), "tensor: cannot reshape ", type_, " to ", shape);
  Tensor t = *this;
  t.type_.shape = shape;
  return t;
}

void Tensor::copy_from(const Tensor& source) const {
  SF_CHECK(source.type_ == type_, "tensor: wanted ", type_, ", found ", source.type_);
  std::memcpy(data(), source.data(), size_t(type_.bytes()));
}

Tensor channels_last_from_first(const Tensor& tensor) {
  const Shape& s = tensor.shape();
  if (s.rank() != 5) return tensor;
  Tensor out({Shape{s[0], s[2], s[3], s[4], s[1]}, tensor.dtype()});
  transpose(tensor, out, s[0], s[1], s[2] * s[3] * s[4]);
  return out;
}

Tensor channels_first_from_last(const Tensor& tensor) {
  const Shape& s = tensor.shape();
  if (s.rank() != 5) return tensor;
  Tensor out({Shape{s[0], s[4], s[1], s[2], s[3]}, tensor.dtype()});
  transpose(tensor, out, s[0], s[1] * s[2] * s[3], s[4]);
  return out;
}

}  // namespace sf
