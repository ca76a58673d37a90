#include "kernels/base/copy_pixels.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "kernels/base/threads.h"

namespace sf {

void copy_pixels(DType dtype, int64_t pixels, int64_t c, const void* x, int64_t x_pitch, void* y,
                 int64_t y_pitch) {
  constexpr int64_t kBlockBytes = 1 << 16;  // enough for a thread to be worth waking
  const auto element = int64_t(size_of(dtype));
  const int64_t run = c * element, x_step = x_pitch * element, y_step = y_pitch * element;
  const int64_t block = std::max<int64_t>(1, kBlockBytes / run);
  const bool dense = x_step == run && y_step == run;
  parallel_for((pixels + block - 1) / block, 1, [&](int64_t i) {
    const int64_t first = i * block, count = std::min(block, pixels - first);
    const auto* from = static_cast<const std::byte*>(x) + first * x_step;
    auto* to = static_cast<std::byte*>(y) + first * y_step;
    if (dense) {
      std::memcpy(to, from, size_t(count * run));
      return;
    }
    for (int64_t j = 0; j < count; ++j, from += x_step, to += y_step)
      std::memcpy(to, from, size_t(run));
  });
}

}  // namespace sf
