// Vectors of channels; of whole blocks of pixels where they lie dense.
#include "kernels/pointwise/backward.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/backward_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/pixels.h"
#include "kernels/pointwise/sigmoid-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

template <class T, class F>
HWY_INLINE void map(const T* saved, const T* dy, int64_t n, T* dx, const F& f) {
  for_lanes(n, [&](auto d, int64_t i)
                   HWY_ATTR { store(f(d, load(d, saved + i), load(d, dy + i)), d, dx + i); });
}

template <class T>
void backward_row(UnaryKind kind, const T* saved, const T* dy, int64_t n, T* dx) {
  switch (kind) {
    case UnaryKind::relu:
      return map(saved, dy, n, dx, [](auto d, auto y, auto g) HWY_ATTR {
        return hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), g);
      });
    case UnaryKind::sigmoid:
      return map(saved, dy, n, dx, [](auto d, auto y, auto g) HWY_ATTR {
        return hn::Mul(hn::Mul(g, hn::Sub(hn::Set(d, 1.0F), y)), y);
      });
    case UnaryKind::swish:
      return map(saved, dy, n, dx, [](auto d, auto x, auto g) HWY_ATTR {
        const auto one = hn::Set(d, 1.0F), s = sigmoid(d, x);
        return hn::Mul(g, hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one)));
      });
  }
}

// Pixels [first, first + count), of n values each.
void backward_rows(const UnaryBackwardProblem& p, const UnaryBackwardArgs& a, int64_t first,
                   int64_t count, int64_t n) {
  with_lanes(p.dtype, [&](auto t) {
    using T = decltype(t);
    for (int64_t i = first; i < first + count; ++i)
      backward_row(p.kind, static_cast<const T*>(a.saved) + i * p.saved_pitch,
                   static_cast<const T*>(a.dy) + i * p.dy_pitch, n,
                   static_cast<T*>(a.dx) + i * p.dx_pitch);
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(backward_rows);

bool can_run(const UnaryBackwardProblem& p) { return has_lanes(p.dtype); }

void run(const UnaryBackwardProblem& p, const UnaryBackwardArgs& a, void*, void*, Queue) {
  const bool dense = p.saved_pitch == p.c && p.dy_pitch == p.c && p.dx_pitch == p.c;
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    HWY_DYNAMIC_DISPATCH(backward_rows)
    (p, a, first, dense ? 1 : count, dense ? count * p.c : p.c);
  });
}

}  // namespace

extern constinit const UnaryBackwardKernel kUnaryBackwardChannelVectors{
    .name = "channel_vectors", .exact = false, .can_run = can_run, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
