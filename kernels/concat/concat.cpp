#include "kernels/concat/concat.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/base/threads.h"

namespace sf {
namespace {

// Enough bytes for a thread to be worth waking.
constexpr int64_t kBlockBytes = 1 << 16;

void run(const CopyProblem& p, const CopyArgs& a, void*, void*, Queue) {
  const auto element = int64_t(size_of(p.dtype));
  const int64_t pixel = p.c * element, x_pitch = p.x_pitch * element, y_pitch = p.y_pitch * element;
  const int64_t block = std::max<int64_t>(1, kBlockBytes / pixel);
  const bool dense = x_pitch == pixel && y_pitch == pixel;
  parallel_for((p.pixels + block - 1) / block, 1, [&](int64_t i) {
    const int64_t first = i * block, count = std::min(block, p.pixels - first);
    const auto* x = static_cast<const std::byte*>(a.x) + first * x_pitch;
    auto* y = static_cast<std::byte*>(a.y) + first * y_pitch;
    if (dense) {
      std::memcpy(y, x, size_t(count * pixel));
      return;
    }
    for (int64_t j = 0; j < count; ++j, x += x_pitch, y += y_pitch)
      std::memcpy(y, x, size_t(pixel));
  });
}

bool can_run(const CopyProblem&) { return true; }

}  // namespace

std::span<const CopyKernel> copy_kernels(Backend backend) {
  static constexpr std::array kRows{
      CopyKernel{.name = "copy_pixels", .can_run = can_run, .run = run}};
  if (backend == Backend::cpu) return kRows;
  return {};
}

}  // namespace sf
