// The definition: any pitch, f32 and f64.
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/linear/linear.h"

namespace sf {
namespace {

template <class T>
void multiply(const LinearProblem& p, const LinearArgs& a) {
  parallel_for(p.rows * p.out, 64, [&](int64_t i) {
    const int64_t row = i / p.out, o = i % p.out;
    const T* x = static_cast<const T*>(a.x) + row * p.x_pitch;
    const T* w = static_cast<const T*>(a.w) + o * p.in;
    T sum = 0;
    for (int j = 0; j < p.in; ++j) sum += x[j] * w[j];
    if (p.bias) sum += static_cast<const T*>(a.bias)[o];
    static_cast<T*>(a.y)[row * p.y_pitch + o] = activate(p.activation, sum);
  });
}

bool can_run(const LinearProblem& p) { return is_arithmetic(p.dtype); }

void run(const LinearProblem& p, const LinearArgs& a, void*, void*, Queue) {
  with_arithmetic(p.dtype, [&](auto t) { multiply<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const LinearKernel kLinearReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
