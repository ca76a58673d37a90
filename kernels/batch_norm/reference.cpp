// The definition; folding for the arithmetic types alone.
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/batch_norm/affine.h"
#include "kernels/batch_norm/batch_norm.h"

namespace sf {
namespace {

template <class T>
void normalise(const BatchNormProblem& p, const BatchNormArgs& a) {
  using A = Arithmetic<T>;
  parallel_for(p.c, 1, [&](int64_t c) {
    const double exact_scale = norm_scale<A>(a.gamma, a.variance, p.epsilon, c);
    const A scale = A(exact_scale), shift = A(norm_shift<A>(a, exact_scale, c));
    for (int64_t i = 0; i < p.pixels; ++i)
      static_cast<T*>(a.y)[i * p.y_pitch + c] =
          T(A(static_cast<const T*>(a.x)[i * p.x_pitch + c]) * scale + shift);
  });
}

template <class T>
void fold_scale(const FoldProblem& p, const FoldScaleArgs& a) {
  parallel_for(p.k, 16, [&](int64_t k) {
    const double scale = norm_scale<T>(a.gamma, a.variance, p.epsilon, k);
    for (int64_t i = k * p.per_output; i < (k + 1) * p.per_output; ++i)
      static_cast<T*>(a.y)[i] = T(double(static_cast<const T*>(a.w)[i]) * scale);
  });
}

template <class T>
void fold_bias(const FoldProblem& p, const FoldBiasArgs& a) {
  for (int k = 0; k < p.k; ++k) {
    const double bias = a.bias ? double(static_cast<const T*>(a.bias)[k]) : 0;
    const double scale = norm_scale<T>(a.gamma, a.variance, p.epsilon, k);
    static_cast<T*>(a.y)[k] = T(double(static_cast<const T*>(a.beta)[k]) +
                                (bias - double(static_cast<const T*>(a.mean)[k])) * scale);
  }
}

bool can_normalise(const BatchNormProblem& p) { return is_real(p.dtype); }
bool can_fold(const FoldProblem& p) { return is_arithmetic(p.dtype); }

void run_normalise(const BatchNormProblem& p, const BatchNormArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { normalise<decltype(t)>(p, a); });
}
void run_scale(const FoldProblem& p, const FoldScaleArgs& a, void*, void*, Queue) {
  with_arithmetic(p.dtype, [&](auto t) { fold_scale<decltype(t)>(p, a); });
}
void run_bias(const FoldProblem& p, const FoldBiasArgs& a, void*, void*, Queue) {
  with_arithmetic(p.dtype, [&](auto t) { fold_bias<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const BatchNormKernel kBatchNormReference{
    .name = "reference", .can_run = can_normalise, .run = run_normalise};
extern constinit const FoldScaleKernel kFoldScaleReference{
    .name = "reference", .can_run = can_fold, .run = run_scale};
extern constinit const FoldBiasKernel kFoldBiasReference{
    .name = "reference", .can_run = can_fold, .run = run_bias};

}  // namespace sf
