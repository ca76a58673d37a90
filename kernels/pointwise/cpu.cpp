// Vectors of channels; of whole blocks of pixels where they lie dense.
#include "kernels/pointwise/pointwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/cpu.cpp"
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
HWY_INLINE void map(const T* x, int64_t n, T* y, const F& f) {
  for_lanes(n, [&](auto d, int64_t i) HWY_ATTR { store(f(d, load(d, x + i)), d, y + i); });
}

template <class T, class F>
HWY_INLINE void map(const T* a, const T* b, int64_t n, T* y, const F& f) {
  for_lanes(
      n, [&](auto d, int64_t i) HWY_ATTR { store(f(load(d, a + i), load(d, b + i)), d, y + i); });
}

template <class T>
void unary_row(UnaryKind kind, const T* x, int64_t n, T* y) {
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

template <class T>
void binary_row(BinaryKind kind, const T* a, const T* b, int64_t n, T* y) {
  if (kind == BinaryKind::add)
    map(a, b, n, y, [](auto v, auto w) HWY_ATTR { return hn::Add(v, w); });
  else
    map(a, b, n, y, [](auto v, auto w) HWY_ATTR { return hn::Mul(v, w); });
}

// Pixels [first, first + count), of n values each.
void unary_rows(const UnaryProblem& p, const UnaryArgs& a, int64_t first, int64_t count,
                int64_t n) {
  with_lanes(p.dtype, [&](auto t) {
    using T = decltype(t);
    for (int64_t i = first; i < first + count; ++i)
      unary_row(p.kind, static_cast<const T*>(a.x) + i * p.x_pitch, n,
                static_cast<T*>(a.y) + i * p.y_pitch);
  });
}

void binary_rows(const BinaryProblem& p, const BinaryArgs& args, int64_t first, int64_t count,
                 int64_t n) {
  with_lanes(p.dtype, [&](auto t) {
    using T = decltype(t);
    for (int64_t i = first; i < first + count; ++i)
      binary_row(p.kind, static_cast<const T*>(args.a) + i * p.a_pitch,
                 static_cast<const T*>(args.b) + i / p.b_repeat * p.b_pitch, n,
                 static_cast<T*>(args.y) + i * p.y_pitch);
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(unary_rows);
HWY_EXPORT(binary_rows);

bool can_run_unary(const UnaryProblem& p) { return has_lanes(p.dtype); }
bool can_run_binary(const BinaryProblem& p) { return has_lanes(p.dtype); }

void run_unary(const UnaryProblem& p, const UnaryArgs& a, void*, void*, Queue) {
  const bool dense = p.x_pitch == p.c && p.y_pitch == p.c;
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    HWY_DYNAMIC_DISPATCH(unary_rows)(p, a, first, dense ? 1 : count, dense ? count * p.c : p.c);
  });
}

void run_binary(const BinaryProblem& p, const BinaryArgs& args, void*, void*, Queue) {
  const bool dense = p.b_repeat == 1 && p.a_pitch == p.c && p.b_pitch == p.c && p.y_pitch == p.c;
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    HWY_DYNAMIC_DISPATCH(binary_rows)
    (p, args, first, dense ? 1 : count, dense ? count * p.c : p.c);
  });
}

}  // namespace

extern constinit const UnaryKernel kUnaryChannelVectors{
    .name = "channel_vectors", .exact = false, .can_run = can_run_unary, .run = run_unary};
extern constinit const BinaryKernel kBinaryChannelVectors{
    .name = "channel_vectors", .can_run = can_run_binary, .run = run_binary};

}  // namespace sf
#endif  // HWY_ONCE
