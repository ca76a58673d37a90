// Vectors of values; every operation is rounded as in the reference.
#include "kernels/optimizer/optimizer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizer/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/pixels.h"
#include "kernels/optimizer/constants.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

// a value
template <class D, class V>
HWY_INLINE V times(D d, float a, V value) {
  return hn::Mul(hn::Set(d, a), value);
}

void sgd_block(const SgdConstants<float>& k, const float* g, int64_t n, float* p, float* buffer) {
  for_lanes(n, [&](auto d, int64_t i) HWY_ATTR {
    const auto value = hn::LoadU(d, p + i);
    auto gradient = hn::Add(times(d, k.factor, hn::LoadU(d, g + i)), times(d, k.decay, value));
    if (buffer) {
      auto moved = gradient;
      if (!k.starts)
        moved =
            hn::Add(times(d, k.momentum, hn::LoadU(d, buffer + i)), times(d, k.added, gradient));
      hn::StoreU(moved, d, buffer + i);
      gradient = k.nesterov ? hn::Add(gradient, times(d, k.momentum, moved)) : moved;
    }
    hn::StoreU(hn::Sub(value, times(d, k.rate, gradient)), d, p + i);
  });
}

void adam_block(const AdamConstants<float>& k, const float* g, int64_t n, float* p, float* mean,
                float* square) {
  for_lanes(n, [&](auto d, int64_t i) HWY_ATTR {
    const auto value = hn::LoadU(d, p + i);
    const auto gradient =
        hn::Add(times(d, k.factor, hn::LoadU(d, g + i)), times(d, k.decay, value));
    const auto first =
        hn::Add(times(d, k.beta1, hn::LoadU(d, mean + i)), times(d, k.rest1, gradient));
    const auto second = hn::Add(times(d, k.beta2, hn::LoadU(d, square + i)),
                                hn::Mul(times(d, k.rest2, gradient), gradient));
    hn::StoreU(first, d, mean + i);
    hn::StoreU(second, d, square + i);
    const auto deviation =
        hn::Add(hn::Div(hn::Sqrt(second), hn::Set(d, k.correction)), hn::Set(d, k.epsilon));
    const auto step = times(d, k.size, hn::Div(first, deviation));
    hn::StoreU(hn::Sub(times(d, k.shrink, value), step), d, p + i);
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(sgd_block);
HWY_EXPORT(adam_block);

bool can_run_sgd(const SgdProblem& p) { return p.dtype == DType::f32; }
bool can_run_adam(const AdamProblem& p) { return p.dtype == DType::f32; }

void run_sgd(const SgdProblem& p, const SgdArgs& a, void*, void*, Queue) {
  const SgdConstants<float> constants(p.rule, a.step);
  for (size_t i = 0; i < size_t(p.sizes.count); ++i)
    parallel_for_pixels(p.sizes.n[i], 1, [&](int64_t first, int64_t count) {
      HWY_DYNAMIC_DISPATCH(sgd_block)
      (constants, static_cast<const float*>(a.g[i]) + first, count,
       static_cast<float*>(a.p[i]) + first, advance(static_cast<float*>(a.buffer[i]), first));
    });
}

void run_adam(const AdamProblem& p, const AdamArgs& a, void*, void*, Queue) {
  const AdamConstants<float> constants(p.rule, a.step);
  for (size_t i = 0; i < size_t(p.sizes.count); ++i)
    parallel_for_pixels(p.sizes.n[i], 1, [&](int64_t first, int64_t count) {
      HWY_DYNAMIC_DISPATCH(adam_block)
      (constants, static_cast<const float*>(a.g[i]) + first, count,
       static_cast<float*>(a.p[i]) + first, static_cast<float*>(a.mean[i]) + first,
       static_cast<float*>(a.square[i]) + first);
    });
}

}  // namespace

extern constinit const SgdKernel kSgdVectors{
    .name = "vectors", .can_run = can_run_sgd, .run = run_sgd};
extern constinit const AdamKernel kAdamVectors{
    .name = "vectors", .can_run = can_run_adam, .run = run_adam};

}  // namespace sf
#endif  // HWY_ONCE
