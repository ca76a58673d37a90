// Vectors of channels; of whole blocks of pixels where they lie dense.
#include "kernels/cast/cast.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cast/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/pixels.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

template <class From, class To>
HWY_INLINE void cast_values(const void* x, int64_t n, void* y) {
  for_lanes(n, [&](auto d, int64_t i) HWY_ATTR {
    store(load(d, static_cast<const From*>(x) + i), d, static_cast<To*>(y) + i);
  });
}

void cast_row(bool widen, const void* x, int64_t n, void* y) {
  widen ? cast_values<bf16, float>(x, n, y) : cast_values<float, bf16>(x, n, y);
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(cast_row);

bool can_run(const CastProblem& p) {
  return (p.from == DType::f32 && p.to == DType::bf16) ||
         (p.from == DType::bf16 && p.to == DType::f32);
}

void run(const CastProblem& p, const CastArgs& a, void*, void*, Queue) {
  const bool dense = p.x_pitch == p.c && p.y_pitch == p.c;
  const auto x_bytes = int64_t(size_of(p.from)), y_bytes = int64_t(size_of(p.to));
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    const int64_t rows = dense ? 1 : count, n = dense ? count * p.c : p.c;
    for (int64_t i = first; i < first + rows; ++i) {
      const auto* x = static_cast<const std::byte*>(a.x) + i * p.x_pitch * x_bytes;
      auto* y = static_cast<std::byte*>(a.y) + i * p.y_pitch * y_bytes;
      HWY_DYNAMIC_DISPATCH(cast_row)(p.from == DType::bf16, x, n, y);
    }
  });
}

}  // namespace

extern constinit const CastKernel kCastChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
