// Tensors of nodes as the lists of flat arrays that a kernel goes through at once.
#pragma once

#include <algorithm>
#include <span>

#include "autograd/op.h"
#include "kernels/base/arrays.h"

namespace sf {

inline ArraySizes array_sizes(std::span<const OpSite::Port> tensors) {
  ArraySizes sizes;
  for (const auto& port : tensors) sizes.n[size_t(sizes.count++)] = int(port.type.shape.numel());
  return sizes;
}

template <class Void>
ArrayList<Void> array_list(std::span<const TensorRef> tensors) {
  ArrayList<Void> list{};
  for (size_t i = 0; i < tensors.size(); ++i) list[i] = tensors[i].data;
  return list;
}

// Throws if there are more tensors than a kernel takes, or larger ones.
inline void check_arrays(std::string_view op, std::span<const TensorType> tensors) {
  SF_CHECK(tensors.size() <= kMostArrays, op, ": wants at most ", kMostArrays, " tensors, found ",
           tensors.size());
  for (const TensorType& t : tensors) {
    SF_CHECK(t.dtype == tensors[0].dtype, op, ": wants tensors of one type, found ", tensors[0],
             " and ", t);
    SF_CHECK(t.shape.numel() < int64_t{1} << 30, op, ": wants less than 2^30 values, found ", t);
  }
}

// f(part) for consecutive parts, each of at most as many as a kernel takes.
template <class T, class F>
void for_array_parts(std::span<const T> all, const F& f) {
  for (; !all.empty(); all = all.subspan(std::min(all.size(), size_t{kMostArrays})))
    f(all.first(std::min(all.size(), size_t{kMostArrays})));
}

}  // namespace sf
