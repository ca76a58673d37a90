#include "kernels/loss/binary_cross_entropy.h"

#include <algorithm>

#include "kernels/base/device_table.h"
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/loss/binary_terms.h"

namespace sf {

SF_DEVICE_TABLE(BinaryCrossEntropyKernel, binary_cross_entropy_kernels)
SF_DEVICE_TABLE(BinaryCrossEntropyBackwardKernel, binary_cross_entropy_backward_kernels)
namespace {

using Problem = BinaryCrossEntropyProblem;

template <class T>
void forward(const Problem& p, const BinaryCrossEntropyArgs& a) {
  const int64_t rows = rows_used(p, a);
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row)
    for (int c = 0; c < p.cols; ++c) {
      const auto x = double(static_cast<const T*>(a.x)[row * p.x_pitch + c]);
      const auto t = double(static_cast<const T*>(a.targets)[row * p.targets_pitch + c]);
      sum += p.logits ? loss_of_logit(x, t) : loss_of_probability(x, t);
    }
  *static_cast<T*>(a.loss) = T(sum / double(rows * p.cols));
}

template <class T>
void backward(const Problem& p, const BinaryCrossEntropyBackwardArgs& a) {
  const int64_t rows = rows_used(p, a);
  const double scale = double(*static_cast<const T*>(a.dloss)) / double(rows * p.cols);
  parallel_for(p.rows, 1, [&](int64_t row) {
    T* dx = static_cast<T*>(a.dx) + row * p.dx_pitch;
    if (row >= rows) {
      std::fill(dx, dx + p.cols, T(0));
      return;
    }
    for (int c = 0; c < p.cols; ++c) {
      const auto x = double(static_cast<const T*>(a.x)[row * p.x_pitch + c]);
      const auto t = double(static_cast<const T*>(a.targets)[row * p.targets_pitch + c]);
      dx[c] = T(scale * (p.logits ? gradient_of_logit(x, t) : gradient_of_probability(x, t)));
    }
  });
}

bool can_run(const Problem& p) { return is_arithmetic(p.dtype); }

constexpr BinaryCrossEntropyKernel kForward{.name = "reference",
                                            .can_run = can_run,
                                            .run = run_arithmetic<forward<float>, forward<double>>};
constexpr BinaryCrossEntropyBackwardKernel kBackward{
    .name = "reference",
    .can_run = can_run,
    .run = run_arithmetic<backward<float>, backward<double>>};

}  // namespace

std::span<const BinaryCrossEntropyKernel> binary_cross_entropy_kernels(Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kForward, 1};
    case Backend::simt: return simt::binary_cross_entropy_kernels();
    case Backend::cuda: return cuda::binary_cross_entropy_kernels();
  }
  return {};
}

std::span<const BinaryCrossEntropyBackwardKernel> binary_cross_entropy_backward_kernels(
    Backend backend) {
  switch (backend) {
    case Backend::cpu: return {&kBackward, 1};
    case Backend::simt: return simt::binary_cross_entropy_backward_kernels();
    case Backend::cuda: return cuda::binary_cross_entropy_backward_kernels();
  }
  return {};
}

}  // namespace sf
