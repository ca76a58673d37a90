#include "tensor/tensor.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/base/half.h"

namespace sf {
namespace {

template <class To, class From>
void convert(const Tensor& from, const Tensor& to) {
  // Halves have arithmetic in float32 only.
  using Arithmetic = std::conditional_t<sizeof(From) == 2, float, From>;
  std::ranges::transform(from.span<From>(), to.span<To>().begin(), [](From v) {
    if constexpr (sizeof(To) == 2)
      return To(float(Arithmetic(v)));
    else
      return static_cast<To>(Arithmetic(v));
  });
}

template <class From>
void convert_from(const Tensor& from, const Tensor& to) {
  switch (to.dtype()) {
    case DType::f32: return convert<float, From>(from, to);
    case DType::f64: return convert<double, From>(from, to);
    case DType::i64: return convert<int64_t, From>(from, to);
    case DType::bf16: return convert<bf16, From>(from, to);
    case DType::f16: return convert<f16, From>(from, to);
    default: throw Error(cat("tensor: cannot convert ", from.type(), " to ", to.dtype()));
  }
}

// Transposes each of `outer` matrices of rows x cols elements, from bytes of any alignment.
template <class T>
void transpose(const std::byte* from, std::byte* out, int64_t outer, int64_t rows, int64_t cols) {
  T* to = reinterpret_cast<T*>(out);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t c = 0; c < cols; ++c) {
      const std::byte* at = from + c * int64_t(sizeof(T));
      for (int64_t r = 0; r < rows; ++r, at += cols * int64_t(sizeof(T)))
        std::memcpy(to++, at, sizeof(T));
    }
    from += rows * cols * int64_t(sizeof(T));
  }
}

void transpose(const std::byte* from, const Tensor& to, int64_t outer, int64_t rows, int64_t cols) {
  if (to.numel() == 0) return;  // other extents may be so large that counting to them takes years
  if (rows == 1 || cols == 1) {
    std::memcpy(to.data(), from, size_t(to.type().bytes()));
    return;
  }
  switch (size_of(to.dtype())) {
    case 1: return transpose<uint8_t>(from, to.data(), outer, rows, cols);
    case 2: return transpose<uint16_t>(from, to.data(), outer, rows, cols);
    case 4: return transpose<uint32_t>(from, to.data(), outer, rows, cols);
    default: return transpose<uint64_t>(from, to.data(), outer, rows, cols);
  }
}

// Whether moving the channels of a shape O I T H W leaves the elements in their order.
bool keeps_order(int64_t channels, int64_t positions) { return channels == 1 || positions == 1; }

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

Tensor Tensor::clone() const { return copy_on(device()); }

Tensor Tensor::copy_on(Device device) const {
  Tensor t(type_, device);
  t.copy_from(*this);
  return t;
}

Tensor Tensor::to(Device device) const {
  const bool seen = this->device() == device || (this->device().is_host() && device.is_host());
  return seen ? *this : copy_on(device);
}

void Tensor::check_on_host() const {
  SF_CHECK(device().is_host(), "tensor: wanted ", type_, " on the host, found it on ",
           device().name());
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
    case DType::bf16: convert_from<bf16>(*this, t); break;
    case DType::f16: convert_from<f16>(*this, t); break;
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

Tensor Tensor::row(int64_t i) const {
  SF_CHECK(shape().rank() > 0 && i >= 0 && i < shape()[0], "tensor: wanted an index of ", type_,
           ", found ", i);
  Tensor t = *this;
  t.type_.shape = Shape(shape().extents().subspan(1));
  t.offset_ += size_t(i * t.type_.bytes());
  return t;
}

void Tensor::copy_from(const Tensor& source) const {
  SF_CHECK(source.type_ == type_, "tensor: wanted ", type_, ", found ", source.type_);
  copy_bytes(data(), device(), source.data(), source.device(), size_t(type_.bytes()));
}

Shape channels_last(const Shape& s) {
  return s.rank() == 5 ? Shape{s[0], s[2], s[3], s[4], s[1]} : s;
}

Shape channels_first(const Shape& s) {
  return s.rank() == 5 ? Shape{s[0], s[4], s[1], s[2], s[3]} : s;
}

Tensor channels_last_from_first(const TensorType& type, std::span<const std::byte> bytes) {
  SF_CHECK(bytes.size() == size_t(type.bytes()), "tensor: ", bytes.size(), " bytes for ", type);
  const Shape& s = type.shape;
  Tensor out({channels_last(s), type.dtype});
  if (s.rank() == 5)
    transpose(bytes.data(), out, s[0], s[1], s[2] * s[3] * s[4]);
  else
    std::ranges::copy(bytes, out.data());
  return out;
}

Tensor channels_last_from_first(const Tensor& tensor) {
  const Shape& s = tensor.shape();
  if (s.rank() != 5) return tensor;
  if (tensor.numel() > 0 && keeps_order(s[1], s[2] * s[3] * s[4]))
    return tensor.reshape(channels_last(s));
  return channels_last_from_first(tensor.type(), {tensor.data(), size_t(tensor.type().bytes())});
}

Tensor channels_first_from_last(const Tensor& tensor) {
  const Shape& s = tensor.shape();
  if (s.rank() != 5) return tensor;
  if (tensor.numel() > 0 && keeps_order(s[4], s[1] * s[2] * s[3]))
    return tensor.reshape(channels_first(s));
  Tensor out({channels_first(s), tensor.dtype()});
  transpose(tensor.data(), out, s[0], s[1] * s[2] * s[3], s[4]);
  return out;
}

}  // namespace sf
