#include "kernels/dropout/dropout.h"

#include "kernels/base/device_table.h"
#include "kernels/base/element.h"
#include "kernels/base/pixels.h"
#include "kernels/dropout/draws.h"

namespace sf {

SF_DEVICE_TABLE(DropoutKernel, dropout_kernels)
namespace {

template <class T>
void drop(const DropoutProblem& p, const DropoutArgs& a) {
  using A = Arithmetic<T>;
  const Draws draws(p, *a.seed, *a.step);
  const A scale = A(p.rate < 1 ? 1 / (1 - p.rate) : 0);
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i)
      for (int64_t c = 0; c < p.c; ++c) {
        const A x = A(static_cast<const T*>(a.x)[i * p.x_pitch + c]);
        static_cast<T*>(a.y)[i * p.y_pitch + c] = T(draws.keeps(i, c) ? x * scale : A(0));
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
  switch (backend) {
    case Backend::cpu: return {&kReference, 1};
    case Backend::simt: return simt::dropout_kernels();
    case Backend::cuda: return cuda::dropout_kernels();
  }
  return {};
}

}  // namespace sf
