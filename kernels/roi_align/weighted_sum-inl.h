// Sums of weighted rows of channels. Compiled once for each target, as Highway's own -inl.h files.
#if defined(SF_KERNELS_ROI_ALIGN_WEIGHTED_SUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_ROI_ALIGN_WEIGHTED_SUM_INL_H_
#undef SF_KERNELS_ROI_ALIGN_WEIGHTED_SUM_INL_H_
#else
#define SF_KERNELS_ROI_ALIGN_WEIGHTED_SUM_INL_H_
#endif

#include "kernels/base/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {

// y = sum of weight x row, over `count` channels, in the order in which terms are added. Terms
// are kept until there are so many that y is worth a pass over them. finish() ends the sum.
class WeightedSum {
 public:
  WeightedSum(const float* x, int64_t pitch, int count, float* y)
      : x_(x), pitch_(pitch), count_(count), y_(y) {}

  HWY_INLINE void add(int64_t row, float weight) {
    if (weight == 0) return;
    rows_[terms_] = x_ + row * pitch_;
    weights_[terms_] = weight;
    if (++terms_ == kTerms) flush();
  }
  void finish() {
    if (terms_ > 0 || first_) flush();
  }

 private:
  static constexpr int kTerms = 64;
  static constexpr int kVectors = 4;  // sums at a time, so that additions need not wait

  void flush() {
    const hn::ScalableTag<float> d;
    const auto lanes = int64_t(hn::Lanes(d));
    int64_t i = 0;
    for (; i + kVectors * lanes <= count_; i += kVectors * lanes) {
      auto a = start(d, i), b = start(d, i + lanes), c = start(d, i + 2 * lanes),
           e = start(d, i + 3 * lanes);
      for (int t = 0; t < terms_; ++t) {
        const auto w = hn::Set(d, weights_[t]);
        const float* x = rows_[t] + i;
        a = hn::Add(a, hn::Mul(w, hn::LoadU(d, x)));
        b = hn::Add(b, hn::Mul(w, hn::LoadU(d, x + lanes)));
        c = hn::Add(c, hn::Mul(w, hn::LoadU(d, x + 2 * lanes)));
        e = hn::Add(e, hn::Mul(w, hn::LoadU(d, x + 3 * lanes)));
      }
      hn::StoreU(a, d, y_ + i);
      hn::StoreU(b, d, y_ + i + lanes);
      hn::StoreU(c, d, y_ + i + 2 * lanes);
      hn::StoreU(e, d, y_ + i + 3 * lanes);
    }
    for_lanes_from(d, i, count_, [&](auto part, int64_t at) HWY_ATTR {
      auto sum = start(part, at);
      for (int t = 0; t < terms_; ++t)
        sum = hn::Add(sum, hn::Mul(hn::Set(part, weights_[t]), hn::LoadU(part, rows_[t] + at)));
      hn::StoreU(sum, part, y_ + at);
    });
    terms_ = 0;
    first_ = false;
  }

  template <class D>
  HWY_INLINE hn::Vec<D> start(D d, int64_t i) const {
    return first_ ? hn::Zero(d) : hn::LoadU(d, y_ + i);
  }

  const float* x_;
  int64_t pitch_;
  int count_;
  float* y_;
  int terms_ = 0;
  bool first_ = true;  // y holds no sum yet
  const float* rows_[kTerms];
  float weights_[kTerms];
};

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
