// The definition, one output value after the other.
#include "kernels/adaptive_pool3d/adaptive_pool3d.h"
#include "kernels/adaptive_pool3d/bins.h"
#include "kernels/base/element.h"
#include "kernels/base/threads.h"

namespace sf {
namespace {

template <class T>
void pool(const AdaptivePool3dProblem& p, const AdaptivePool3dArgs& a) {
  parallel_for(int64_t{p.n} * p.out_t * p.out_h * p.out_w, 1, [&](int64_t pixel) {
    const Bin bin = bin_of(p, pixel);
    for (int c = 0; c < p.c; ++c) {
      Arithmetic<T> sum = 0;
      for_bin(p, bin, [&](int64_t from) {
        sum += Arithmetic<T>(static_cast<const T*>(a.x)[from * p.x_pitch + c]);
      });
      static_cast<T*>(a.y)[pixel * p.y_pitch + c] = T(sum / Arithmetic<T>(bin.pixels()));
    }
  });
}

bool can_run(const AdaptivePool3dProblem& p) { return is_real(p.dtype); }

void run(const AdaptivePool3dProblem& p, const AdaptivePool3dArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { pool<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const AdaptivePool3dKernel kAdaptivePool3dReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
