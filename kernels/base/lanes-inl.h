// Loops over channels in vectors. Compiled once for each target, as Highway's own -inl.h files.
#if defined(SF_KERNELS_BASE_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_BASE_LANES_INL_H_
#undef SF_KERNELS_BASE_LANES_INL_H_
#else
#define SF_KERNELS_BASE_LANES_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

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

// Lanes(d) floats as doubles.
template <class D>
HWY_INLINE hn::Vec<D> load_doubles(D d, const float* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), from));
}

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
