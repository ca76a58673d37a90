// Extents of a dense tensor, outermost first. Activations are N T H W C, convolution weights O T H
// W I.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>

#include "kernels/base/dtype.h"

namespace sf {

class Shape {
 public:
  static constexpr int kMaxRank = 5;

  Shape() = default;  // a scalar
  Shape(std::initializer_list<int64_t> extents)
      : Shape(std::span(extents.begin(), extents.size())) {}
  // Throws if there are more than kMaxRank extents, one is negative, or their product exceeds 2^62.
  explicit Shape(std::span<const int64_t> extents);

  int rank() const { return rank_; }
  // Negative axes count from the end.
  int64_t operator[](int axis) const { return extents_[axis < 0 ? axis + rank_ : axis]; }
  void set(int axis, int64_t extent) { extents_[axis < 0 ? axis + rank_ : axis] = extent; }
  int64_t numel() const;
  // The innermost extent; 1 for a scalar.
  int64_t channels() const { return rank_ == 0 ? 1 : extents_[rank_ - 1]; }
  // numel() / channels(): how many runs of channels there are.
  int64_t pixels() const;
  std::span<const int64_t> extents() const { return {extents_.data(), size_t(rank_)}; }

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);  // "[2 8 56 56 64]"

struct TensorType {
  Shape shape;
  DType dtype = DType::f32;
  int64_t bytes() const { return shape.numel() * int64_t(size_of(dtype)); }
  friend bool operator==(const TensorType&, const TensorType&) = default;
};

std::ostream& operator<<(std::ostream& out, const TensorType& type);  // "f32[2 8 56 56 64]"

}  // namespace sf
