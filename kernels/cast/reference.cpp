// The definition.
#include "kernels/base/element.h"
#include "kernels/base/pixels.h"
#include "kernels/cast/cast.h"

namespace sf {
namespace {

template <class From, class To>
void cast(const CastProblem& p, const CastArgs& a) {
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i)
      for (int c = 0; c < p.c; ++c) {
        const Arithmetic<From> x = static_cast<const From*>(a.x)[i * p.x_pitch + c];
        static_cast<To*>(a.y)[i * p.y_pitch + c] = To(Arithmetic<To>(x));
      }
  });
}

bool can_run(const CastProblem& p) { return is_real(p.from) && is_real(p.to); }

void run(const CastProblem& p, const CastArgs& a, void*, void*, Queue) {
  with_real(p.from, [&](auto from) {
    with_real(p.to, [&](auto to) { cast<decltype(from), decltype(to)>(p, a); });
  });
}

}  // namespace

extern constinit const CastKernel kCastReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
