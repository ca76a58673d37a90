#include "tensor/strided_copy.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sf {
namespace {

// Checks the last element against the bytes. Sizes and strides are 0 or more.
void check_extent(const StridedElements& e, const Shape& shape) {
  SF_CHECK(e.offset >= 0, "wanted an offset of 0 or more, found ", e.offset);
  const auto available = int64_t(e.bytes.size() / size_of(e.dtype));
  int64_t last = e.offset;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t stride = e.strides[size_t(axis)];
    SF_CHECK(stride >= 0, "wanted strides of 0 or more, found ", stride);
    int64_t reach = 0;
    const bool overflows = __builtin_mul_overflow(shape[axis] - 1, stride, &reach) ||
                           __builtin_add_overflow(last, reach, &last);
    SF_CHECK(!overflows && last < available, "elements reach beyond the ", available,
             " of their storage");
  }
  SF_CHECK(last < available, "elements reach beyond the ", available, " of their storage");
}

// Copies the elements of one innermost axis after the other.
template <size_t kSize>
void copy_rows(const StridedElements& e, const Shape& shape, std::byte* to) {
  const int rank = shape.rank();
  const int64_t row = rank == 0 ? 1 : shape[rank - 1];
  const int64_t step = rank == 0 ? 1 : e.strides[size_t(rank - 1)];
  std::array<int64_t, Shape::kMaxRank> index{};
  while (true) {
    int64_t from = e.offset;
    for (int axis = 0; axis + 1 < rank; ++axis)
      from += index[size_t(axis)] * e.strides[size_t(axis)];
    const std::byte* source = e.bytes.data() + from * int64_t(kSize);
    for (int64_t i = 0; i < row; ++i, to += kSize)
      std::memcpy(to, source + i * step * int64_t(kSize), kSize);
    int axis = rank - 2;
    while (axis >= 0 && ++index[size_t(axis)] == shape[axis]) index[size_t(axis--)] = 0;
    if (axis < 0) return;
  }
}

// Whether the elements follow each other without gaps. Along an axis of one there is no step.
bool is_dense(const StridedElements& e) {
  const auto strides = row_major_strides(e.sizes);
  for (size_t axis = 0; axis < strides.size(); ++axis)
    if (e.sizes[axis] != 1 && e.strides[axis] != strides[axis]) return false;
  return true;
}

// Throws unless every element lies within the bytes.
TensorType checked_type(const StridedElements& e) {
  SF_CHECK(e.sizes.size() == e.strides.size(), "wanted a stride for each of ", e.sizes.size(),
           " axes, found ", e.strides.size());
  const TensorType type{Shape(e.sizes), e.dtype};
  SF_CHECK(uint64_t(type.shape.numel()) <= (uint64_t{1} << 62) / size_of(e.dtype),
           "more than 2^62 bytes");
  if (type.shape.numel() != 0) check_extent(e, type.shape);
  return type;
}

}  // namespace

StridedElements channels_last(StridedElements e) {
  for (auto* axes : {&e.sizes, &e.strides})
    if (axes->size() == 5) std::rotate(axes->begin() + 1, axes->begin() + 2, axes->end());
  return e;
}

void CopyBudget::take(uint64_t bytes) {
  SF_CHECK(bytes <= left_, "contents of ", bytes, " bytes more than a file of this size may give");
  left_ -= bytes;
}

std::vector<int64_t> row_major_strides(std::span<const int64_t> sizes) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t axis = sizes.size(); axis-- > 1;)
    // Absurd sizes wrap; Shape refuses them before the strides are used.
    strides[axis - 1] =
        int64_t(uint64_t(strides[axis]) * uint64_t(std::max<int64_t>(sizes[axis], 1)));
  return strides;
}

Tensor copy_strided(const StridedElements& e, CopyBudget& budget) {
  const TensorType type = checked_type(e);
  budget.take(uint64_t(type.bytes()));
  Tensor out(type);
  copy_strided_to({out.data(), size_t(type.bytes())}, e);
  return out;
}

void copy_strided_to(std::span<std::byte> to, const StridedElements& e) {
  const TensorType type = checked_type(e);
  SF_CHECK(to.size() == size_t(type.bytes()), "wanted room for ", type.bytes(), " bytes, found ",
           to.size());
  if (to.empty()) return;

  const size_t size = size_of(type.dtype);
  if (is_dense(e)) {
    std::memcpy(to.data(), e.bytes.data() + e.offset * int64_t(size), to.size());
  } else {
    switch (size) {
      case 1: copy_rows<1>(e, type.shape, to.data()); break;
      case 2: copy_rows<2>(e, type.shape, to.data()); break;
      case 4: copy_rows<4>(e, type.shape, to.data()); break;
      default: copy_rows<8>(e, type.shape, to.data()); break;
    }
  }
  if (e.big_endian)
    for (size_t i = 0; i < to.size(); i += size) std::reverse(&to[i], &to[i] + size);
}

}  // namespace sf
