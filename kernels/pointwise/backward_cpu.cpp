// Vectors of channels; of whole blocks of pixels where they lie dense.
#include "kernels/pointwise/backward.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/backward_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/pixels.h"
#include "kernels/pointwise/sigmoid-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

template <class F>
HWY_INLINE void map(const float* saved, const float* dy, int64_t n, float* dx, const F& f) {
  for_lanes(n, [&](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(f(d, hn::LoadU(d, saved + i), hn::LoadU(d, dy + i)), d, dx + i);
  });
}

void backward_row(UnaryKind kind, const float* saved, const float* dy, int64_t n, float* dx) {
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

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(backward_row);

bool can_run(const UnaryBackwardProblem& p) { return p.dtype == DType::f32; }

void run(const UnaryBackwardProblem& p, const UnaryBackwardArgs& a, void*, void*, Queue) {
  const bool dense = p.saved_pitch == p.c && p.dy_pitch == p.c && p.dx_pitch == p.c;
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    const int64_t rows = dense ? 1 : count, n = dense ? count * p.c : p.c;
    for (int64_t i = first; i < first + rows; ++i) {
      const float* saved = static_cast<const float*>(a.saved) + i * p.saved_pitch;
      const float* dy = static_cast<const float*>(a.dy) + i * p.dy_pitch;
      float* dx = static_cast<float*>(a.dx) + i * p.dx_pitch;
      HWY_DYNAMIC_DISPATCH(backward_row)(p.kind, saved, dy, n, dx);
    }
  });
}

}  // namespace

extern constinit const UnaryBackwardKernel kUnaryBackwardChannelVectors{
    .name = "channel_vectors", .exact = false, .can_run = can_run, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
