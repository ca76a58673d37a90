// Lists of flat arrays, for kernels that go through many of them in one launch: a network has
// hundreds of small parameters.
#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>

#include "kernels/base/error.h"

namespace sf {

// A launch takes 4 KB of arguments: the sizes of so many arrays, and four addresses for each.
constexpr int kMostArrays = 96;

// How many arrays, and how many values each has.
struct ArraySizes {
  int count = 0;
  std::array<int, kMostArrays> n{};

  ArraySizes() = default;
  // Not more than kMostArrays.
  ArraySizes(std::initializer_list<int> sizes) : count(int(sizes.size())) {
    SF_CHECK(sizes.size() <= n.size(), "arrays: wanted at most ", kMostArrays, ", found ", count);
    std::copy(sizes.begin(), sizes.end(), n.begin());
  }
};

// An address for each.
template <class T>
using ArrayList = std::array<T*, kMostArrays>;

}  // namespace sf
