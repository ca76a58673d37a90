// The definition. Powers are computed twice rather than stored, where they would be rounded.
#include <cmath>

#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/softmax/softmax.h"

namespace sf {
namespace {

template <class T>
void softmax(const SoftmaxProblem& p, const SoftmaxArgs& a) {
  using A = Arithmetic<T>;
  parallel_for(p.rows, 1, [&](int64_t row) {
    const T* x = static_cast<const T*>(a.x) + row * p.x_pitch;
    T* y = static_cast<T*>(a.y) + row * p.y_pitch;
    A largest = A(x[0]);
    for (int i = 1; i < p.cols; ++i)
      if (A(x[i]) > largest) largest = A(x[i]);
    A sum = 0;
    for (int i = 0; i < p.cols; ++i) sum += std::exp(A(x[i]) - largest);
    for (int i = 0; i < p.cols; ++i) y[i] = T(std::exp(A(x[i]) - largest) / sum);
  });
}

bool can_run(const SoftmaxProblem& p) { return is_real(p.dtype); }

void run(const SoftmaxProblem& p, const SoftmaxArgs& a, void*, void*, Queue) {
  with_real(p.dtype, [&](auto t) { softmax<decltype(t)>(p, a); });
}

}  // namespace

extern constinit const SoftmaxKernel kSoftmaxReference{
    .name = "reference", .can_run = can_run, .run = run};

}  // namespace sf
