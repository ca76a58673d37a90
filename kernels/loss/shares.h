// What a row of logits contributes to a cross-entropy, for host and device.
#pragma once

#include <limits>

#include "kernels/base/host_device.h"
#include "kernels/loss/cross_entropy.h"

namespace sf {

// How much of the loss is - log softmax(x)[c] of one row: linear in the target, smoothed labels
// included. Both argument types have what it needs.
template <class T, class Args>
class Shares {
 public:
  SF_HOST_DEVICE Shares(const CrossEntropyProblem& p, const Args& a, int64_t row)
      : p_(p),
        weights_(static_cast<const T*>(a.weights)),
        targets_(a.targets ? static_cast<const T*>(a.targets) + row * p.targets_pitch : nullptr),
        label_(a.labels ? a.labels[row] : 0) {}

  SF_HOST_DEVICE bool ignored() const { return !targets_ && label_ == p_.ignored; }
  // What the row adds to the divisor of the mean: NaN where the label is no class.
  SF_HOST_DEVICE double count() const {
    if (targets_) return 1;
    if (ignored()) return 0;
    const bool is_class = label_ >= 0 && label_ < p_.classes;
    return is_class ? weight(label_) : std::numeric_limits<double>::quiet_NaN();
  }
  SF_HOST_DEVICE double operator[](int64_t c) const {
    if (targets_) return double(targets_[c]);
    const double smooth = p_.label_smoothing / p_.classes;
    return weight(c) * (smooth + (c == label_ ? 1 - p_.label_smoothing : 0));
  }
  // The term of class c, where log softmax(x)[c] is x - shift. A share of zero counts only for
  // targets: for labels 0 times infinity is no part of the sum.
  SF_HOST_DEVICE double loss(int64_t c, double x, double shift) const {
    const double share = (*this)[c];
    return share != 0 || targets_ ? share * (shift - x) : 0;
  }

 private:
  SF_HOST_DEVICE double weight(int64_t c) const { return weights_ ? double(weights_[c]) : 1; }

  const CrossEntropyProblem& p_;
  const T *weights_, *targets_;
  int64_t label_;
};

}  // namespace sf
