// Choice of the element type of a reference kernel.
#pragma once

#include "kernels/base/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/kernel.h"

namespace sf {

// The arithmetic types: what reference kernels compute in.
inline bool is_arithmetic(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

// f(T{}) for T float or double.
template <class F>
void with_arithmetic(DType dtype, const F& f) {
  if (dtype == DType::f64)
    f(double{});
  else
    f(float{});
}

// What a reference kernel runs: one of two instantiations of the same function.
template <auto kSingle, auto kDouble, class Problem, class Args>
void run_arithmetic(const Problem& p, const Args& a, void*, void*, Queue) {
  p.dtype == DType::f64 ? kDouble(p, a) : kSingle(p, a);
}

// NaN stays NaN.
template <class T>
T activate(Activation activation, T value) {
  return activation == Activation::relu && value < 0 ? T(0) : value;
}

}  // namespace sf
