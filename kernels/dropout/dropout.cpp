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
  using A = Arithmetic<T>;
  const CounterRng rng = draws(p, a);
  const A scale = A(p.rate < 1 ? 1 / (1 - p.rate) : 0);
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i)
      for (int64_t c = 0; c < p.c; ++c) {
        const int64_t draw = p.draw_pixels > 0 ? i / p.draw_pixels : i * p.c + c;
        const bool kept = double(rng.uniform(uint64_t(draw), 0, 1)) >= p.rate;
        const A x = A(static_cast<const T*>(a.x)[i * p.x_pitch + c]);
        static_cast<T*>(a.y)[i * p.y_pitch + c] = T(kept ? x * scale : A(0));
      }
  });
}

bool can_run(const DropoutProblem& p) { return is_real(p.dtype); }

void run(const DropoutProblem& p, const DropoutArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { drop<decltype(t)>(p, a); });
}

constexpr DropoutKernel kReference{.name = "reference", .can_run = can_run, .run = run};

}  // namespace

std::span<const DropoutKernel> dropout_kernels(Backend backend) {
  if (backend == Backend::cpu) return {&kReference, 1};
  return {};
}

}  // namespace sf
