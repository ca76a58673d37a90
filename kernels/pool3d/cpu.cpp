// Vectors of channels; each thread takes one output row at a time.
#include "kernels/pool3d/pool3d.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool3d/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/threads.h"
#include "kernels/pool3d/window.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

// The input pixels that one output pixel sees.
struct Taps {
  const float* corner;
  int t, h, w;                // extents
  int64_t plane, row, pixel;  // elements from one position to the next along T, H, W
};

template <class F>
HWY_INLINE void for_taps(const Taps& taps, int64_t channel, const F& f) {
  for (int i = 0; i < taps.t; ++i)
    for (int j = 0; j < taps.h; ++j) {
      const float* x = taps.corner + i * taps.plane + j * taps.row + channel;
      for (int l = 0; l < taps.w; ++l, x += taps.pixel) f(x);
    }
}

// Max() of a NaN is not the same on all targets, so NaNs are looked for beside it.
HWY_INLINE void max_pixel(const Taps& taps, int c, float* y) {
  for_lanes(c, [&](auto d, int64_t channel) HWY_ATTR {
    auto largest = hn::Neg(hn::Inf(d));
    auto any_nan = hn::IsNaN(largest);
    for_taps(taps, channel, [&](const float* x) HWY_ATTR {
      const auto value = hn::LoadU(d, x);
      largest = hn::Max(value, largest);
      any_nan = hn::Or(any_nan, hn::IsNaN(value));
    });
    hn::StoreU(hn::IfThenElse(any_nan, hn::NaN(d), largest), d, y + channel);
  });
}

HWY_INLINE void average_pixel(const Taps& taps, int c, float divisor, float* y) {
  for_lanes(c, [&](auto d, int64_t channel) HWY_ATTR {
    auto sum = hn::Zero(d);
    for_taps(taps, channel, [&](const float* x) HWY_ATTR { sum = hn::Add(sum, hn::LoadU(d, x)); });
    hn::StoreU(hn::Div(sum, hn::Set(d, divisor)), d, y + channel);
  });
}

// One output row, counted over N, T and H.
void pool_row(const Pool3dProblem& p, const Pool3dArgs& a, int64_t index) {
  const int out_t = p.out_t(), out_h = p.out_h(), out_w = p.out_w();
  const int64_t n = index / out_h / out_t;
  const PoolRange t = pool_range(p, 0, p.t, int(index / out_h % out_t));
  const PoolRange h = pool_range(p, 1, p.h, int(index % out_h));
  const int64_t row = p.w * p.x_pitch, plane = p.h * row;
  const float* x = static_cast<const float*>(a.x) + (n * p.t + t.first) * plane + h.first * row;
  float* y = static_cast<float*>(a.y) + index * out_w * p.y_pitch;
  for (int i = 0; i < out_w; ++i, y += p.y_pitch) {
    const PoolRange w = pool_range(p, 2, p.w, i);
    const Taps taps{.corner = x + w.first * p.x_pitch,
                    .t = t.last - t.first,
                    .h = h.last - h.first,
                    .w = w.last - w.first,
                    .plane = plane,
                    .row = row,
                    .pixel = p.x_pitch};
    if (p.kind == PoolKind::max)
      max_pixel(taps, p.c, y);
    else
      average_pixel(taps, p.c, float(pool_divisor(p, t, h, w)), y);
  }
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(pool_row);

bool can_run(const Pool3dProblem& p) { return p.dtype == DType::f32; }

void run(const Pool3dProblem& p, const Pool3dArgs& a, void*, void*, Queue) {
  parallel_for(int64_t{p.n} * p.out_t() * p.out_h(), 1, [&](int64_t row) {
    HWY_DYNAMIC_DISPATCH(pool_row)(p, a, row);
  });
}

}  // namespace

extern constinit const Pool3dKernel kPool3dChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
