#include "kernels/resample/pixel_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/resample/pixel_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/base/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

void blend_pixels(const float* row, const PixelPair* pairs, int64_t n, float* out) {
  // A vector of four holds a pixel and a float that the next pixel overwrites.
  const hn::CappedTag<float, 4> d;
  for (int64_t i = 0; i < n; ++i) {
    const PixelPair& p = pairs[i];
    const auto near_weight = hn::Set(d, p.near_weight), far_weight = hn::Set(d, p.far_weight);
    for (size_t c = 0; c < 3; c += hn::Lanes(d)) {
      const auto near = hn::Mul(near_weight, hn::LoadU(d, row + p.near + c));
      const auto far = hn::Mul(far_weight, hn::LoadU(d, row + p.far + c));
      hn::StoreU(hn::Add(near, far), d, out + 3 * i + int64_t(c));
    }
  }
}

void blend_rows(const float* near, float near_weight, const float* far, float far_weight, int64_t n,
                float* out) {
  for_lanes(n, [&](auto d, int64_t i) HWY_ATTR {
    const auto a = hn::Mul(hn::Set(d, near_weight), hn::LoadU(d, near + i));
    const auto b = hn::Mul(hn::Set(d, far_weight), hn::LoadU(d, far + i));
    hn::StoreU(hn::Add(a, b), d, out + i);
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(blend_pixels);
HWY_EXPORT(blend_rows);

}  // namespace

void blend_pixels(const float* row, std::span<const PixelPair> pairs, float* out) {
  HWY_DYNAMIC_DISPATCH(blend_pixels)(row, pairs.data(), int64_t(pairs.size()), out);
}

void blend_rows(const float* near, float near_weight, const float* far, float far_weight, int64_t n,
                float* out) {
  HWY_DYNAMIC_DISPATCH(blend_rows)(near, near_weight, far, far_weight, n, out);
}

}  // namespace sf
#endif  // HWY_ONCE
