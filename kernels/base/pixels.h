// Splitting of pixels over threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/threads.h"

namespace sf {

// Calls f(first, count) for blocks that cover the pixels of c elements, on all threads; a block has
// enough elements to be worth a thread's while.
template <class F>
void parallel_for_pixels(int64_t pixels, int64_t c, const F& f) {
  constexpr int64_t kBlock = 1 << 14;
  const int64_t block = std::max<int64_t>(1, kBlock / c);
  parallel_for((pixels + block - 1) / block, 1, [&](int64_t i) {
    const int64_t first = i * block;
    f(first, std::min(block, pixels - first));
  });
}

// The address n elements on; null stays null.
template <class T>
T* advance(T* from, int64_t n) {
  return from ? from + n : nullptr;
}

}  // namespace sf
