// The definition, one input value after the other, f32 and f64.
#include "kernels/adaptive_pool3d/backward.h"
#include "kernels/adaptive_pool3d/bins.h"
#include "kernels/base/element.h"
#include "kernels/base/threads.h"

namespace sf {
namespace {

template <class T>
void backward(const AdaptivePool3dProblem& p, const AdaptivePool3dBackwardArgs& a) {
  parallel_for(int64_t{p.n} * p.t * p.h * p.w, 16, [&](int64_t pixel) {
    for (int c = 0; c < p.c; ++c) {
      T sum = 0;
      for_covering_bins(p, pixel, [&](int64_t out) {
        sum += static_cast<const T*>(a.dy)[out * p.y_pitch + c] / T(bin_of(p, out).pixels());
      });
      static_cast<T*>(a.dx)[pixel * p.x_pitch + c] = sum;
    }
  });
}

bool can_run(const AdaptivePool3dProblem& p) { return is_arithmetic(p.dtype); }

}  // namespace

extern constinit const AdaptivePool3dBackwardKernel kAdaptivePool3dBackwardReference{
    .name = "reference",
    .can_run = can_run,
    .run = run_arithmetic<backward<float>, backward<double>>};

}  // namespace sf
