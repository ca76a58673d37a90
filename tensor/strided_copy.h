// Tensors out of foreign memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace sf {

// Where the elements of a tensor lie in bytes of outside origin: element (i, j, ...) is number
// offset + i * strides[0] + j * strides[1] + ...
struct StridedElements {
  std::span<const std::byte> bytes;
  DType dtype = DType::f32;
  int64_t offset = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  bool big_endian = false;
};

// The elements O I T H W in the order O T H W I; those with other than 5 axes as they are.
StridedElements channels_last(StridedElements elements);

// Strides of a tensor without gaps, the last axis innermost.
std::vector<int64_t> row_major_strides(std::span<const int64_t> sizes);

// How many bytes may still be made from a file. Views of one storage and uses of one text may be
// many, so that a small file could ask for any amount.
class CopyBudget {
 public:
  explicit CopyBudget(uint64_t file_bytes) : left_(16 * file_bytes + (uint64_t{1} << 20)) {}
  // Throws if less than `bytes` is left.
  void take(uint64_t bytes);

 private:
  uint64_t left_;
};

// A dense copy. Throws sf::Error unless every element lies within the bytes.
Tensor copy_strided(const StridedElements& elements, CopyBudget& budget);

// The same to `to`, which has as many bytes as the elements.
void copy_strided_to(std::span<std::byte> to, const StridedElements& elements);

}  // namespace sf
