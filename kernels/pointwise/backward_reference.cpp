// The definition.
#include <cmath>

#include "kernels/base/element.h"
#include "kernels/base/pixels.h"
#include "kernels/pointwise/backward.h"

namespace sf {
namespace {

template <class T>
T gradient(UnaryKind kind, T saved, T dy) {
  switch (kind) {
    case UnaryKind::relu: return saved <= 0 ? T(0) : dy;
    case UnaryKind::sigmoid: return dy * (1 - saved) * saved;
    case UnaryKind::swish: {
      const T s = T(1) / (T(1) + std::exp(-saved));
      return dy * (s * (1 + saved * (1 - s)));
    }
  }
  return dy;
}

template <class T>
void backward(const UnaryBackwardProblem& p, const UnaryBackwardArgs& a) {
  using A = Arithmetic<T>;
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i)
      for (int c = 0; c < p.c; ++c)
        static_cast<T*>(a.dx)[i * p.dx_pitch + c] =
            T(gradient(p.kind, A(static_cast<const T*>(a.saved)[i * p.saved_pitch + c]),
                       A(static_cast<const T*>(a.dy)[i * p.dy_pitch + c])));
  });
}

bool can_run(const UnaryBackwardProblem& p) { return is_real(p.dtype); }

void run(const UnaryBackwardProblem& p, const UnaryBackwardArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { backward<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const UnaryBackwardKernel kUnaryBackwardReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
