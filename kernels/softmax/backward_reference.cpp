// The definition, f32 and f64.
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/softmax/backward.h"

namespace sf {
namespace {

template <class T>
void backward(const SoftmaxBackwardProblem& p, const SoftmaxBackwardArgs& a) {
  parallel_for(p.rows, 1, [&](int64_t row) {
    const T* y = static_cast<const T*>(a.y) + row * p.y_pitch;
    const T* dy = static_cast<const T*>(a.dy) + row * p.dy_pitch;
    T* dx = static_cast<T*>(a.dx) + row * p.dx_pitch;
    T sum = 0;
    for (int i = 0; i < p.cols; ++i) sum += y[i] * dy[i];
    for (int i = 0; i < p.cols; ++i) dx[i] = y[i] * (dy[i] - sum);
  });
}

bool can_run(const SoftmaxBackwardProblem& p) { return is_arithmetic(p.dtype); }

}  // namespace

extern constinit const SoftmaxBackwardKernel kSoftmaxBackwardReference{
    .name = "reference",
    .can_run = can_run,
    .run = run_arithmetic<backward<float>, backward<double>>};

}  // namespace sf
