// Vectors of channels; each thread takes one output row at a time.
#include "kernels/pool3d/pool3d.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool3d/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/threads.h"
#include "kernels/pool3d/window.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

// The input pixels that one output pixel sees.
template <class T>
struct Taps {
  const T* corner;
  int t, h, w;                // extents
  int64_t plane, row, pixel;  // elements from one position to the next along T, H, W
};

template <class T, class F>
HWY_INLINE void for_taps(const Taps<T>& taps, int64_t channel, const F& f) {
  for (int i = 0; i < taps.t; ++i)
    for (int j = 0; j < taps.h; ++j) {
      const T* x = taps.corner + i * taps.plane + j * taps.row + channel;
      for (int l = 0; l < taps.w; ++l, x += taps.pixel) f(x);
    }
}

// Max() of a NaN is not the same on all targets, so NaNs are looked for beside it.
template <class T>
HWY_INLINE void max_pixel(const Taps<T>& taps, int c, T* y) {
  for_lanes(c, [&](auto d, int64_t channel) HWY_ATTR {
    auto largest = hn::Neg(hn::Inf(d));
    auto any_nan = hn::IsNaN(largest);
    for_taps(taps, channel, [&](const T* x) HWY_ATTR {
      const auto value = load(d, x);
      largest = hn::Max(value, largest);
      any_nan = hn::Or(any_nan, hn::IsNaN(value));
    });
    store(hn::IfThenElse(any_nan, hn::NaN(d), largest), d, y + channel);
  });
}

template <class T>
HWY_INLINE void average_pixel(const Taps<T>& taps, int c, float divisor, T* y) {
  for_lanes(c, [&](auto d, int64_t channel) HWY_ATTR {
    auto sum = hn::Zero(d);
    for_taps(taps, channel, [&](const T* x) HWY_ATTR { sum = hn::Add(sum, load(d, x)); });
    store(hn::Div(sum, hn::Set(d, divisor)), d, y + channel);
  });
}

// One output row, counted over N, T and H.
template <class T>
void pool_row_of(const Pool3dProblem& p, const Pool3dArgs& a, int64_t index) {
  const int out_t = p.out_t(), out_h = p.out_h(), out_w = p.out_w();
  const int64_t n = index / out_h / out_t;
  const PoolRange t = pool_range(p, 0, p.t, int(index / out_h % out_t));
  const PoolRange h = pool_range(p, 1, p.h, int(index % out_h));
  const int64_t row = p.w * p.x_pitch, plane = p.h * row;
  const T* x = static_cast<const T*>(a.x) + (n * p.t + t.first) * plane + h.first * row;
  T* y = static_cast<T*>(a.y) + index * out_w * p.y_pitch;
  for (int i = 0; i < out_w; ++i, y += p.y_pitch) {
    const PoolRange w = pool_range(p, 2, p.w, i);
    const Taps<T> taps{.corner = x + w.first * p.x_pitch,
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

void pool_row(const Pool3dProblem& p, const Pool3dArgs& a, int64_t index) {
  with_lanes(p.dtype, [&](auto t) { pool_row_of<decltype(t)>(p, a, index); });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(pool_row);

bool can_run(const Pool3dProblem& p) { return has_lanes(p.dtype); }

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
