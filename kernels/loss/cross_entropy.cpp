#include "kernels/loss/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/element.h"
#include "kernels/base/threads.h"

namespace sf {
namespace {

using Problem = CrossEntropyProblem;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// log softmax of a row is x - shift of it.
template <class T>
double log_sum_exp(const T* x, int classes) {
  double largest = double(x[0]);
  for (int c = 1; c < classes; ++c) largest = std::max(largest, double(x[c]));
  double sum = 0;
  for (int c = 0; c < classes; ++c) sum += std::exp(double(x[c]) - largest);
  return largest + std::log(sum);
}

// How much of the loss is - log softmax(x)[c] of one row: linear in the target, smoothed labels
// included. Both argument types have what it needs.
template <class T, class Args>
class Shares {
 public:
  Shares(const Problem& p, const Args& a, int64_t row)
      : p_(p),
        weights_(static_cast<const T*>(a.weights)),
        targets_(a.targets ? static_cast<const T*>(a.targets) + row * p.targets_pitch : nullptr),
        label_(a.labels ? a.labels[row] : 0) {}

  bool ignored() const { return !targets_ && label_ == p_.ignored; }
  bool valid() const { return targets_ || (label_ >= 0 && label_ < p_.classes); }
  // What the row adds to the divisor of the mean.
  double count() const { return targets_ ? 1 : weight(label_); }
  double operator[](int64_t c) const {
    if (targets_) return double(targets_[c]);
    const double smooth = p_.label_smoothing / p_.classes;
    return weight(c) * (smooth + (c == label_ ? 1 - p_.label_smoothing : 0));
  }

 private:
  double weight(int64_t c) const { return weights_ ? double(weights_[c]) : 1; }

  const Problem& p_;
  const T *weights_, *targets_;
  int64_t label_;
};

// The divisor of the mean.
template <class T, class Args>
double count_rows(const Problem& p, const Args& a) {
  double count = 0;
  for (int64_t row = 0; row < p.rows; ++row)
    if (const Shares<T, Args> shares(p, a, row); !shares.ignored())
      count += shares.valid() ? shares.count() : kNan;
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
    // A share of zero counts only for labels: there 0 times infinity is no part of the sum.
    for (int c = 0; c < p.classes; ++c)
      if (const double share = shares[c]; share != 0 || a.targets)
        sum += share * (shift - double(x[c]));
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
  if (backend == Backend::cpu) return {&kForward, 1};
  return {};
}

std::span<const CrossEntropyBackwardKernel> cross_entropy_backward_kernels(Backend backend) {
  if (backend == Backend::cpu) return {&kBackward, 1};
  return {};
}

}  // namespace sf
