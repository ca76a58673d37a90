// Choice of the element type of a kernel.
#pragma once

#include <type_traits>

#include "kernels/base/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/half.h"
#include "kernels/base/kernel.h"

namespace sf {

// f(T{}) for the one of Types that dtype names.
template <class... Types, class F>
void with_type_of(DType dtype, const F& f) {
  const auto offer = [&](auto type) {
    if (dtype == dtype_of<decltype(type)>) f(type);
  };
  (offer(Types{}), ...);
}

// The real types: what activations and weights are stored as.
inline bool is_real(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::bf16 || dtype == DType::f16;
}

template <class F>
void with_real(DType dtype, const F& f) {
  with_type_of<float, double, bf16, f16>(dtype, f);
}

// The type called arithmetic_of(dtype_of<T>). A kernel reads T, computes in Arithmetic<T> and
// rounds once, when it stores T.
template <class T>
using Arithmetic = std::conditional_t<std::is_same_v<T, double>, double, float>;

// The arithmetic types: what master weights, statistics and losses are stored as.
inline bool is_arithmetic(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

template <class F>
void with_arithmetic(DType dtype, const F& f) {
  with_type_of<float, double>(dtype, f);
}

// The real types that vector kernels load and store (lanes-inl.h).
inline bool has_lanes(DType dtype) { return dtype == DType::f32 || dtype == DType::bf16; }

template <class F>
void with_lanes(DType dtype, const F& f) {
  with_type_of<float, bf16>(dtype, f);
}

// What a reference kernel of arithmetic types runs: one of two instantiations of the same function.
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
