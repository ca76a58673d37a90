// The definition, one output value after the other.
#include <cmath>
#include <limits>

#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/pool3d/pool3d.h"
#include "kernels/pool3d/window.h"

namespace sf {
namespace {

template <class T>
void pool(const Pool3dProblem& p, const Pool3dArgs& a) {
  using A = Arithmetic<T>;
  const int out_t = p.out_t(), out_h = p.out_h(), out_w = p.out_w();
  const bool max = p.kind == PoolKind::max;
  parallel_for(int64_t{p.n} * out_t * out_h * out_w, 16, [&](int64_t pixel) {
    const int64_t n = pixel / out_w / out_h / out_t;
    const PoolRange t = pool_range(p, 0, p.t, int(pixel / out_w / out_h % out_t));
    const PoolRange h = pool_range(p, 1, p.h, int(pixel / out_w % out_h));
    const PoolRange w = pool_range(p, 2, p.w, int(pixel % out_w));
    for (int c = 0; c < p.c; ++c) {
      A value = max ? -std::numeric_limits<A>::infinity() : A(0);
      for (int i = t.first; i < t.last; ++i)
        for (int j = h.first; j < h.last; ++j)
          for (int l = w.first; l < w.last; ++l) {
            const int64_t from = ((n * p.t + i) * p.h + j) * p.w + l;
            const A x = A(static_cast<const T*>(a.x)[from * p.x_pitch + c]);
            if (!max)
              value += x;
            else if (x > value || std::isnan(x))
              value = x;
          }
      if (!max) value /= A(pool_divisor(p, t, h, w));
      static_cast<T*>(a.y)[pixel * p.y_pitch + c] = T(value);
    }
  });
}

bool can_run(const Pool3dProblem& p) { return is_real(p.dtype); }

void run(const Pool3dProblem& p, const Pool3dArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { pool<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const Pool3dKernel kPool3dReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
