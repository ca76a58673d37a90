// The definition: any pitch, every real type.
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/linear/linear.h"

namespace sf {
namespace {

template <class T>
void multiply(const LinearProblem& p, const LinearArgs& a) {
  using A = Arithmetic<T>;
  parallel_for(p.rows * p.out, 64, [&](int64_t i) {
    const int64_t row = i / p.out, o = i % p.out;
    const T* x = static_cast<const T*>(a.x) + row * p.x_pitch;
    const T* w = static_cast<const T*>(a.w) + o * p.in;
    A sum = 0;
    for (int j = 0; j < p.in; ++j) sum += A(x[j]) * A(w[j]);
    if (p.bias) sum += static_cast<const A*>(a.bias)[o];
    static_cast<T*>(a.y)[row * p.y_pitch + o] = T(activate(p.activation, sum));
  });
}

bool can_run(const LinearProblem& p) { return is_real(p.dtype); }

void run(const LinearProblem& p, const LinearArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { multiply<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const LinearKernel kLinearReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
