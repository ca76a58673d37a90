#include "kernels/loss/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/device_table.h"
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/loss/shares.h"

namespace sf {

SF_DEVICE_TABLE(CrossEntropyKernel, cross_entropy_kernels)
SF_DEVICE_TABLE(CrossEntropyBackwardKernel, cross_entropy_backward_kernels)
namespace {

using Problem = CrossEntropyProblem;

// log softmax of a row is x - shift of it.
template <class T>
double log_sum_exp(const T* x, int classes) {
  double largest = double(x[0]);
  for (int c = 1; c < classes; ++c) largest = std::max(largest, double(x[c]));
  double sum = 0;
  for (int c = 0; c < classes; ++c) sum += std::exp(double(x[c]) - largest);
  return largest + std::log(sum);
}

// The divisor of the mean.
template <class T, class Args>
double count_rows(const Problem& p, const Args& a) {
  double count = 0;
  for (int64_t row = 0; row < p.rows; ++row) count += Shares<T, Args>(p, a, row).count();
  return count;
}

template <class T>
void forward(const Problem& p, const CrossEntropyArgs& a) {
  double sum = 0;
  for (int64_t row = 0; row < p.rows; ++row) {
    const Shares<T, CrossEntropyArgs> shares(p, a, row);
    if (shares.ignored()) continue;
    const T* x = static_cast<const T*>(a.x) + row * p.x_pitch;
    const double shift = log_sum_exp(x, p.classes);
    for (int c = 0; c < p.classes; ++c) sum += shares.loss(c, double(x[c]), shift);
  }
  *static_cast<T*>(a.loss) = T(sum / count_rows<T>(p, a));
}

template <class T>
void backward(const Problem& p, const CrossEntropyBackwardArgs& a) {
  const double scale = double(*static_cast<const T*>(a.dloss)) / count_rows<T>(p, a);
  parallel_for(p.rows, 1, [&](int64_t row) {
    const Shares<T, CrossEntropyBackwardArgs> shares(p, a, row);
    const T* x = static_cast<const T*>(a.x) + row * p.x_pitch;
    T* dx = static_cast<T*>(a.dx) + row * p.dx_pitch;
    const double shift = log_sum_exp(x, p.classes);
    double total = 0;
    for (int c = 0; c < p.classes; ++c) total += shares[c];
    for (int c = 0; c < p.classes; ++c) {
      const double gradient = total * std::exp(double(x[c]) - shift) - shares[c];
      dx[c] = shares.ignored() ? T(0) : T(scale * gradient);
    }
  });
}

bool can_run(const Problem& p) { return is_arithmetic(p.dtype); }

constexpr CrossEntropyKernel kForward{.name = "reference",
                                      .can_run = can_run,
                                      .run = run_arithmetic<forward<float>, forward<double>>};
constexpr CrossEntropyBackwardKernel kBackward{
    .name = "reference",
    .can_run = can_run,
    .run = run_arithmetic<backward<float>, backward<double>>};

}  // namespace

std::span<const CrossEntropyKernel> cross_entropy_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kForward, 1};
    case Backend::simt: return simt::cross_entropy_kernels();
    case Backend::cuda: return cuda::cross_entropy_kernels();
  }
  return {};
}

std::span<const CrossEntropyBackwardKernel> cross_entropy_backward_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kBackward, 1};
    case Backend::simt: return simt::cross_entropy_backward_kernels();
    case Backend::cuda: return cuda::cross_entropy_backward_kernels();
  }
  return {};
}

}  // namespace sf
