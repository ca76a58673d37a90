// The definition, f32 and f64.
#include <cmath>

#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/softmax/softmax.h"

namespace sf {
namespace {

template <class T>
void softmax(const SoftmaxProblem& p, const SoftmaxArgs& a) {
  parallel_for(p.rows, 1, [&](int64_t row) {
    const T* x = static_cast<const T*>(a.x) + row * p.x_pitch;
    T* y = static_cast<T*>(a.y) + row * p.y_pitch;
    T largest = x[0];
    for (int i = 1; i < p.cols; ++i)
      if (x[i] > largest) largest = x[i];
    T sum = 0;
    for (int i = 0; i < p.cols; ++i) {
      y[i] = std::exp(x[i] - largest);
      sum += y[i];
    }
    for (int i = 0; i < p.cols; ++i) y[i] /= sum;
  });
}

bool can_run(const SoftmaxProblem& p) { return is_arithmetic(p.dtype); }

void run(const SoftmaxProblem& p, const SoftmaxArgs& a, void*, void*, Queue) {
  with_arithmetic(p.dtype, [&](auto t) { softmax<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const SoftmaxKernel kSoftmaxReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
