// The definition.
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/softmax/backward.h"

namespace sf {
namespace {

template <class T>
void backward(const SoftmaxBackwardProblem& p, const SoftmaxBackwardArgs& a) {
  using A = Arithmetic<T>;
  parallel_for(p.rows, 1, [&](int64_t row) {
    const T* y = static_cast<const T*>(a.y) + row * p.y_pitch;
    const T* dy = static_cast<const T*>(a.dy) + row * p.dy_pitch;
    T* dx = static_cast<T*>(a.dx) + row * p.dx_pitch;
    A sum = 0;
    for (int i = 0; i < p.cols; ++i) sum += A(y[i]) * A(dy[i]);
    for (int i = 0; i < p.cols; ++i) dx[i] = T(A(y[i]) * (A(dy[i]) - sum));
  });
}

bool can_run(const SoftmaxBackwardProblem& p) { return is_real(p.dtype); }

void run(const SoftmaxBackwardProblem& p, const SoftmaxBackwardArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { backward<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const SoftmaxBackwardKernel kSoftmaxBackwardReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
