// The definition, f32 and f64.
#include "kernels/base/element.h"
#include "kernels/base/pixels.h"
#include "kernels/optimizer/constants.h"
#include "kernels/optimizer/optimizer.h"

namespace sf {
namespace {

template <class T>
void sgd(const SgdProblem& problem, const SgdArgs& a) {
  const SgdConstants<T> k(problem.rule, a.step);
  for (size_t j = 0; j < size_t(problem.sizes.count); ++j)
    parallel_for_pixels(problem.sizes.n[j], 1, [&](int64_t first, int64_t count) {
      const T* g = static_cast<const T*>(a.g[j]) + first;
      T* p = static_cast<T*>(a.p[j]) + first;
      T* buffer = advance(static_cast<T*>(a.buffer[j]), first);
      for (int64_t i = 0; i < count; ++i) k.step(g[i], p[i], advance(buffer, i));
    });
}

template <class T>
void adam(const AdamProblem& problem, const AdamArgs& a) {
  const AdamConstants<T> k(problem.rule, a.step);
  for (size_t j = 0; j < size_t(problem.sizes.count); ++j)
    parallel_for_pixels(problem.sizes.n[j], 1, [&](int64_t first, int64_t count) {
      const T* g = static_cast<const T*>(a.g[j]) + first;
      T* p = static_cast<T*>(a.p[j]) + first;
      T* mean = static_cast<T*>(a.mean[j]) + first;
      T* square = static_cast<T*>(a.square[j]) + first;
      for (int64_t i = 0; i < count; ++i) k.step(g[i], p[i], mean[i], square[i]);
    });
}

template <class T>
void lars(const LarsProblem& problem, const LarsArgs& a) {
  const LarsConstants<T> k(problem, *a.p_squares, *a.g_squares);
  parallel_for_pixels(problem.n, 1, [&](int64_t first, int64_t count) {
    const T* p = static_cast<const T*>(a.p) + first;
    const T* g = static_cast<const T*>(a.g) + first;
    T* y = static_cast<T*>(a.y) + first;
    for (int64_t i = 0; i < count; ++i) y[i] = k.gradient(g[i], p[i]);
  });
}

template <class Problem>
bool can_run(const Problem& p) {
  return is_arithmetic(p.dtype);
}

}  // namespace

extern constinit const SgdKernel kSgdReference{.name = "reference",
                                               .can_run = can_run<SgdProblem>,
                                               .run = run_arithmetic<sgd<float>, sgd<double>>};
extern constinit const AdamKernel kAdamReference{.name = "reference",
                                                 .can_run = can_run<AdamProblem>,
                                                 .run = run_arithmetic<adam<float>, adam<double>>};
extern constinit const LarsKernel kLarsReference{.name = "reference",
                                                 .can_run = can_run<LarsProblem>,
                                                 .run = run_arithmetic<lars<float>, lars<double>>};

}  // namespace sf
