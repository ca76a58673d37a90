// e to the power of a vector, for every float. Compiled once for each target.
#if defined(SF_KERNELS_BASE_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_BASE_EXP_INL_H_
#undef SF_KERNELS_BASE_EXP_INL_H_
#else
#define SF_KERNELS_BASE_EXP_INL_H_
#endif

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {

// Within 1 ulp up to 88; Highway's own takes no larger argument than 104 and no NaN. Results below
// the smallest normal number may be 0.
template <class D, class V>
HWY_INLINE V exp_of(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V power = hn::Exp(d, hn::Min(x, hn::Set(d, 104.0F)));
  return hn::IfThenElse(hn::IsNaN(x), x, power);
}

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
