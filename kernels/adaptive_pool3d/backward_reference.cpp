// The definition, one input value after the other.
#include "kernels/adaptive_pool3d/backward.h"
#include "kernels/adaptive_pool3d/bins.h"
#include "kernels/base/element.h"
#include "kernels/base/threads.h"

namespace sf {
namespace {

template <class T>
void backward(const AdaptivePool3dProblem& p, const AdaptivePool3dBackwardArgs& a) {
  using A = Arithmetic<T>;
  parallel_for(int64_t{p.n} * p.t * p.h * p.w, 16, [&](int64_t pixel) {
    for (int c = 0; c < p.c; ++c) {
      A sum = 0;
      for_covering_bins(p, pixel, [&](int64_t out) {
        sum += A(static_cast<const T*>(a.dy)[out * p.y_pitch + c]) / A(bin_of(p, out).pixels());
      });
      static_cast<T*>(a.dx)[pixel * p.x_pitch + c] = T(sum);
    }
  });
}

bool can_run(const AdaptivePool3dProblem& p) { return is_real(p.dtype); }

void run(const AdaptivePool3dProblem& p, const AdaptivePool3dBackwardArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { backward<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const AdaptivePool3dBackwardKernel kAdaptivePool3dBackwardReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
