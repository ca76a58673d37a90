// The logistic function of a vector. Compiled once for each target.
#if defined(SF_KERNELS_POINTWISE_SIGMOID_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_POINTWISE_SIGMOID_INL_H_
#undef SF_KERNELS_POINTWISE_SIGMOID_INL_H_
#else
#define SF_KERNELS_POINTWISE_SIGMOID_INL_H_
#endif

#include "kernels/base/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {

template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V one = hn::Set(d, 1.0F);
  return hn::Div(one, hn::Add(one, exp_of(d, hn::Neg(x))));
}

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
