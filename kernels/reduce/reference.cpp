// The definition.
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/reduce/reduce.h"

namespace sf {
namespace {

template <class T>
void sum_pixels(const SumPixelsProblem& p, const SumPixelsArgs& a) {
  parallel_for(p.pixels, 1, [&](int64_t pixel) {
    for (int c = 0; c < p.c; ++c) {
      double sum = 0;
      for (int64_t i = pixel * p.repeat; i < (pixel + 1) * p.repeat; ++i)
        sum += double(static_cast<const T*>(a.x)[i * p.x_pitch + c]);
      static_cast<T*>(a.y)[pixel * p.y_pitch + c] = T(Arithmetic<T>(sum));
    }
  });
}

bool can_run(const SumPixelsProblem& p) { return is_real(p.dtype); }

void run(const SumPixelsProblem& p, const SumPixelsArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { sum_pixels<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const SumPixelsKernel kSumPixelsReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
