// The definition, f32 and f64.
#include <cmath>

#include "kernels/base/element.h"
#include "kernels/base/pixels.h"
#include "kernels/optimizer/constants.h"
#include "kernels/optimizer/optimizer.h"

namespace sf {
namespace {

template <class T>
void sgd(const SgdProblem& problem, const SgdArgs& a) {
  const SgdConstants<T> k(problem, a.step);
  parallel_for_pixels(problem.n, 1, [&](int64_t first, int64_t count) {
    const T* g = static_cast<const T*>(a.g) + first;
    T* p = static_cast<T*>(a.p) + first;
    T* buffer = advance(static_cast<T*>(a.buffer), first);
    for (int64_t i = 0; i < count; ++i) {
      T d = g[i] * k.factor + k.decay * p[i];
      if (buffer) {
        buffer[i] = k.starts ? d : k.momentum * buffer[i] + k.added * d;
        d = problem.nesterov ? d + k.momentum * buffer[i] : buffer[i];
      }
      p[i] -= k.rate * d;
    }
  });
}

template <class T>
void adam(const AdamProblem& problem, const AdamArgs& a) {
  const AdamConstants<T> k(problem, a.step);
  parallel_for_pixels(problem.n, 1, [&](int64_t first, int64_t count) {
    const T* g = static_cast<const T*>(a.g) + first;
    T* p = static_cast<T*>(a.p) + first;
    T* mean = static_cast<T*>(a.mean) + first;
    T* square = static_cast<T*>(a.square) + first;
    for (int64_t i = 0; i < count; ++i) {
      const T d = g[i] * k.factor + k.decay * p[i];
      mean[i] = k.beta1 * mean[i] + k.rest1 * d;
      square[i] = k.beta2 * square[i] + k.rest2 * d * d;
      const T deviation = std::sqrt(square[i]) / k.correction + k.epsilon;
      p[i] = p[i] * k.shrink - k.size * (mean[i] / deviation);
    }
  });
}

template <class T>
void lars(const LarsProblem& problem, const LarsArgs& a) {
  const double p_norm = std::sqrt(*a.p_squares), g_norm = std::sqrt(*a.g_squares);
  const bool adapts = p_norm != 0 && g_norm != 0;
  const double rate =
      problem.trust * p_norm / (g_norm + problem.weight_decay * p_norm + problem.epsilon);
  const T scale = T(adapts ? rate : 1), decay = T(adapts ? problem.weight_decay : 0);
  parallel_for_pixels(problem.n, 1, [&](int64_t first, int64_t count) {
    const T* p = static_cast<const T*>(a.p) + first;
    const T* g = static_cast<const T*>(a.g) + first;
    T* y = static_cast<T*>(a.y) + first;
    for (int64_t i = 0; i < count; ++i) y[i] = (g[i] + decay * p[i]) * scale;
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
