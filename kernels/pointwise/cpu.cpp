// Vectors of channels; of whole blocks of pixels where they lie dense.
#include "kernels/pointwise/pointwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/pixels.h"
#include "kernels/pointwise/sigmoid-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

template <class F>
HWY_INLINE void map(const float* x, int64_t n, float* y, const F& f) {
  for_lanes(n,
            [&](auto d, int64_t i) HWY_ATTR { hn::StoreU(f(d, hn::LoadU(d, x + i)), d, y + i); });
}

template <class F>
HWY_INLINE void map(const float* a, const float* b, int64_t n, float* y, const F& f) {
  for_lanes(n, [&](auto d, int64_t i)
                   HWY_ATTR { hn::StoreU(f(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i); });
}

void unary_row(UnaryKind kind, const float* x, int64_t n, float* y) {
  switch (kind) {
    case UnaryKind::relu:
      return map(x, n, y, [](auto d, auto v) HWY_ATTR {
        const auto zero = hn::Zero(d);
        return hn::IfThenElse(hn::Lt(v, zero), zero, v);  // keeps NaN
      });
    case UnaryKind::sigmoid:
      return map(x, n, y, [](auto d, auto v) HWY_ATTR { return sigmoid(d, v); });
    case UnaryKind::swish:
      return map(x, n, y, [](auto d, auto v) HWY_ATTR { return hn::Mul(v, sigmoid(d, v)); });
  }
}

void binary_row(BinaryKind kind, const float* a, const float* b, int64_t n, float* y) {
  if (kind == BinaryKind::add)
    map(a, b, n, y, [](auto v, auto w) HWY_ATTR { return hn::Add(v, w); });
  else
    map(a, b, n, y, [](auto v, auto w) HWY_ATTR { return hn::Mul(v, w); });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(unary_row);
HWY_EXPORT(binary_row);

bool can_run_unary(const UnaryProblem& p) { return p.dtype == DType::f32; }
bool can_run_binary(const BinaryProblem& p) { return p.dtype == DType::f32; }

void run_unary(const UnaryProblem& p, const UnaryArgs& a, void*, void*, Queue) {
  const bool dense = p.x_pitch == p.c && p.y_pitch == p.c;
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    const float* x = static_cast<const float*>(a.x) + first * p.x_pitch;
    float* y = static_cast<float*>(a.y) + first * p.y_pitch;
    const int64_t rows = dense ? 1 : count, n = dense ? count * p.c : p.c;
    for (int64_t i = 0; i < rows; ++i)
      HWY_DYNAMIC_DISPATCH(unary_row)(p.kind, x + i * p.x_pitch, n, y + i * p.y_pitch);
  });
}

void run_binary(const BinaryProblem& p, const BinaryArgs& args, void*, void*, Queue) {
  const bool dense = p.b_repeat == 1 && p.a_pitch == p.c && p.b_pitch == p.c && p.y_pitch == p.c;
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    const int64_t rows = dense ? 1 : count, n = dense ? count * p.c : p.c;
    for (int64_t i = first; i < first + rows; ++i) {
      const float* a = static_cast<const float*>(args.a) + i * p.a_pitch;
      const float* b = static_cast<const float*>(args.b) + i / p.b_repeat * p.b_pitch;
      float* y = static_cast<float*>(args.y) + i * p.y_pitch;
      HWY_DYNAMIC_DISPATCH(binary_row)(p.kind, a, b, n, y);
    }
  });
}

}  // namespace

extern constinit const UnaryKernel kUnaryChannelVectors{
    .name = "channel_vectors", .exact = false, .can_run = can_run_unary, .run = run_unary};
extern constinit const BinaryKernel kBinaryChannelVectors{
    .name = "channel_vectors", .can_run = can_run_binary, .run = run_binary};

}  // namespace sf
#endif  // HWY_ONCE
