// Loops over channels in vectors. Compiled once for each target, as Highway's own -inl.h files.
#if defined(SF_KERNELS_BASE_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_BASE_LANES_INL_H_
#undef SF_KERNELS_BASE_LANES_INL_H_
#else
#define SF_KERNELS_BASE_LANES_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "kernels/base/half.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Calls f(d, i) for vectors of Lanes(d) values at offsets i that cover [first, n) once each: widest
// vectors first, ever narrower ones for what remains.
template <class D, class F>
HWY_INLINE void for_lanes_from(D d, int64_t first, int64_t n, const F& f) {
  const auto lanes = int64_t(hn::Lanes(d));
  for (; first + lanes <= n; first += lanes) f(d, first);
  constexpr size_t kNarrower = hn::MaxLanes(d) / 2;
  if constexpr (kNarrower > 0) {
    if (first < n) for_lanes_from(hn::CappedTag<hn::TFromD<D>, kNarrower>(), first, n, f);
  }
}

template <class F>
HWY_INLINE void for_lanes(int64_t n, const F& f) {
  for_lanes_from(hn::ScalableTag<float>(), 0, n, f);
}

// The same for vectors of doubles.
template <class F>
HWY_INLINE void for_double_lanes(int64_t n, const F& f) {
  for_lanes_from(hn::ScalableTag<double>(), 0, n, f);
}

// Lanes(d) values in memory as floats, and floats to memory: to the nearest, ties to even; NaN
// stays NaN.
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const bf16* from) {
  const hn::Rebind<uint16_t, D> half;
  const auto bits = hn::LoadU(half, reinterpret_cast<const uint16_t*>(from));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(hn::RebindToUnsigned<D>(), bits)));
}

template <class D>
HWY_INLINE void store(hn::Vec<D> v, D d, float* to) {
  hn::StoreU(v, d, to);
}
template <class D>
HWY_INLINE void store(hn::Vec<D> v, D, bf16* to) {
  const hn::RebindToUnsigned<D> whole;
  const hn::Rebind<uint16_t, D> half;
  const auto bits = hn::BitCast(whole, v), upper = hn::ShiftRight<16>(bits);
  const auto step = hn::Add(hn::Set(whole, 0x7FFF), hn::And(upper, hn::Set(whole, 1)));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, step));
  const auto quiet = hn::Or(upper, hn::Set(whole, 0x40));
  const auto result = hn::IfThenElse(hn::RebindMask(whole, hn::IsNaN(v)), quiet, rounded);
  hn::StoreU(hn::TruncateTo(half, result), half, reinterpret_cast<uint16_t*>(to));
}

// Lanes(d) values in memory as doubles.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_doubles(D d, const T* from) {
  return hn::PromoteTo(d, load(hn::Rebind<float, D>(), from));
}

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
