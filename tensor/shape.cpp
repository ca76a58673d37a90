#include "tensor/shape.h"

#include <algorithm>

#include "kernels/base/error.h"

namespace sf {

Shape::Shape(std::span<const int64_t> extents) : rank_(int(extents.size())) {
  SF_CHECK(extents.size() <= kMaxRank, "shape: wanted at most ", kMaxRank, " extents, found ",
           extents.size());
  int64_t numel = 1;
  for (int64_t extent : extents) {
    SF_CHECK(extent >= 0, "shape: wanted extents of 0 or more, found ", extent);
    SF_CHECK(extent == 0 || numel <= (int64_t{1} << 62) / extent, "shape: more than 2^62 elements");
    numel *= std::max<int64_t>(extent, 1);
  }
  std::ranges::copy(extents, extents_.begin());
}

int64_t Shape::numel() const {
  int64_t n = 1;
  for (int64_t extent : extents()) n *= extent;
  return n;
}

int64_t Shape::pixels() const {
  int64_t n = 1;
  for (int axis = 0; axis + 1 < rank_; ++axis) n *= extents_[axis];
  return n;
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '[';
  for (int axis = 0; axis < shape.rank(); ++axis) out << (axis ? " " : "") << shape[axis];
  return out << ']';
}

std::ostream& operator<<(std::ostream& out, const TensorType& type) {
  return out << type.dtype << type.shape;
}

}  // namespace sf
