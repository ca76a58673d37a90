// How the blocks of a launch share out many arrays.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/arrays.h"
#include "kernels/base/device.h"

namespace sf::SF_DEVICE_NS {

// Every array is cut into chunks of kChunk values; block b takes the chunks b, b + blocks, ...
struct ArrayChunks {
  static constexpr int kThreads = 256, kChunk = 16 * kThreads, kMostBlocks = 1024;

  int arrays;
  int n[kMostArrays];
  int first[kMostArrays + 1];  // number of the first chunk of each; behind them that of all chunks

  explicit ArrayChunks(const ArraySizes& sizes) : arrays(sizes.count), n{}, first{} {
    for (int i = 0; i < arrays; ++i) {
      n[i] = sizes.n[size_t(i)];
      first[i + 1] = first[i] + ceil_div(n[i], kChunk);
    }
  }
  int blocks() const { return std::min(first[arrays], kMostBlocks); }
};

// f(array, i, width) for the vectors of values i .. i + width - 1 of the thread's share; width, a
// constant, is kWidth, or 1 for what is left behind an array's last vector.
template <int kWidth, class F>
SF_DEVICE void for_array_vectors(const ArrayChunks& chunks, const F& f) {
  constexpr int kThreads = ArrayChunks::kThreads, kChunk = ArrayChunks::kChunk;
  const int all = chunks.first[chunks.arrays];
  for (int chunk = int(blockIdx.x); chunk < all; chunk += int(gridDim.x)) {
    int array = 0;  // first[array] <= chunk < first[behind]
    for (int behind = chunks.arrays; behind - array > 1;) {
      const int middle = (array + behind) / 2;
      (chunks.first[middle] <= chunk ? array : behind) = middle;
    }
    const int begin = (chunk - chunks.first[array]) * kChunk;
    const int end = minimum(begin + kChunk, chunks.n[array]);
    int i = begin + int(threadIdx.x) * kWidth;
    for (; i + kWidth <= end; i += kThreads * kWidth)
      f(array, i, std::integral_constant<int, kWidth>{});
    if constexpr (kWidth > 1)
      if (const int rest = begin + (end - begin) / kWidth * kWidth + int(threadIdx.x); rest < end)
        f(array, rest, std::integral_constant<int, 1>{});
  }
}

// f(width): a constant, kVec<float> where all arrays begin on a vector of floats, else 1.
template <class F, class... T>
void with_array_vectors(int arrays, const F& f, const ArrayList<T>&... lists) {
  bool aligned = true;
  const auto check = [&](const auto& list) {
    for (int i = 0; i < arrays; ++i)
      aligned &= reinterpret_cast<uintptr_t>(list[size_t(i)]) % 16 == 0;
  };
  (check(lists), ...);
  if (aligned)
    f(std::integral_constant<int, kVec<float>>{});
  else
    f(std::integral_constant<int, 1>{});
}

}  // namespace sf::SF_DEVICE_NS
