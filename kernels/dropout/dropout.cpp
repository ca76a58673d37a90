#include "kernels/dropout/dropout.h"

#include "kernels/base/counter_rng.h"
#include "kernels/base/element.h"
#include "kernels/base/pixels.h"

namespace sf {
namespace {

// The draws of one use in one step.
CounterRng draws(const DropoutProblem& p, const DropoutArgs& a) {
  const CounterRng of_seed(uint64_t(*a.seed));
  const CounterRng of_use(of_seed.bits(p.stream));
  return CounterRng(of_use.bits(uint64_t(*a.step)));
}

template <class T>
void drop(const DropoutProblem& p, const DropoutArgs& a) {
  const CounterRng rng = draws(p, a);
  const T scale = T(p.rate < 1 ? 1 / (1 - p.rate) : 0);
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i)
      for (int64_t c = 0; c < p.c; ++c) {
        const int64_t draw = p.draw_pixels > 0 ? i / p.draw_pixels : i * p.c + c;
        const bool kept = double(rng.uniform(uint64_t(draw), 0, 1)) >= p.rate;
        const T x = static_cast<const T*>(a.x)[i * p.x_pitch + c];
        static_cast<T*>(a.y)[i * p.y_pitch + c] = kept ? x * scale : T(0);
      }
  });
}

bool can_run(const DropoutProblem& p) { return is_arithmetic(p.dtype); }

constexpr DropoutKernel kReference{
    .name = "reference", .can_run = can_run, .run = run_arithmetic<drop<float>, drop<double>>};

}  // namespace

std::span<const DropoutKernel> dropout_kernels(Backend backend) {
  if (backend == Backend::cpu) return {&kReference, 1};
  return {};
}

}  // namespace sf
