// The definition, one input value after the other. Every window is searched for its maximum again
// for each of its pixels.
#include <cmath>
#include <limits>

#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/pool3d/backward.h"
#include "kernels/pool3d/window.h"

namespace sf {
namespace {

// Index of the input pixel that the window over t, h, w of sample n chose.
template <class T>
int64_t chosen(const Pool3dProblem& p, const T* x, int64_t n, PoolRange t, PoolRange h, PoolRange w,
               int c) {
  const auto pixel = [&](int i, int j, int l) { return ((n * p.t + i) * p.h + j) * p.w + l; };
  int64_t best = pixel(t.first, h.first, w.first);
  auto largest = -std::numeric_limits<Arithmetic<T>>::infinity();
  for (int i = t.first; i < t.last; ++i)
    for (int j = h.first; j < h.last; ++j)
      for (int l = w.first; l < w.last; ++l) {
        const auto value = Arithmetic<T>(x[pixel(i, j, l) * p.x_pitch + c]);
        if (value > largest || std::isnan(value)) best = pixel(i, j, l), largest = value;
      }
  return best;
}

template <class T>
void backward(const Pool3dBackwardProblem& problem, const Pool3dBackwardArgs& a) {
  using A = Arithmetic<T>;
  const Pool3dProblem& p = problem.forward;
  const int out_t = p.out_t(), out_h = p.out_h(), out_w = p.out_w();
  parallel_for(int64_t{p.n} * p.t * p.h * p.w, 16, [&](int64_t pixel) {
    const int64_t n = pixel / p.w / p.h / p.t;
    const PoolRange seen_t = covering_range(p, 0, out_t, int(pixel / p.w / p.h % p.t));
    const PoolRange seen_h = covering_range(p, 1, out_h, int(pixel / p.w % p.h));
    const PoolRange seen_w = covering_range(p, 2, out_w, int(pixel % p.w));
    for (int c = 0; c < p.c; ++c) {
      A sum = 0;
      for (int i = seen_t.first; i < seen_t.last; ++i)
        for (int j = seen_h.first; j < seen_h.last; ++j)
          for (int l = seen_w.first; l < seen_w.last; ++l) {
            const PoolRange t = pool_range(p, 0, p.t, i), h = pool_range(p, 1, p.h, j),
                            w = pool_range(p, 2, p.w, l);
            const int64_t out = ((n * out_t + i) * out_h + j) * out_w + l;
            const A dy = A(static_cast<const T*>(a.dy)[out * p.y_pitch + c]);
            if (p.kind == PoolKind::average)
              sum += dy / A(pool_divisor(p, t, h, w));
            else if (chosen(p, static_cast<const T*>(a.x), n, t, h, w, c) == pixel)
              sum += dy;
          }
      static_cast<T*>(a.dx)[pixel * problem.dx_pitch + c] = T(sum);
    }
  });
}

bool can_run(const Pool3dBackwardProblem& p) { return is_real(p.forward.dtype); }

void run(const Pool3dBackwardProblem& p, const Pool3dBackwardArgs& a, void*, void*, Queue) {
  with_real(p.forward.dtype, [&](auto t) { backward<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const Pool3dBackwardKernel kPool3dBackwardReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
