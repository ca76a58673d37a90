// Vectors along a row; the columns that fill no vector go one by one.
#include "kernels/softmax/softmax.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/exp-inl.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/pixels.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

// x may hold NaN: the result then is any value of the row, and exp_of(NaN - that) is NaN.
HWY_INLINE float largest_of(const float* x, int64_t n) {
  const hn::ScalableTag<float> d;
  const auto lanes = int64_t(hn::Lanes(d));
  auto largest = hn::Set(d, x[0]);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) largest = hn::Max(hn::LoadU(d, x + i), largest);
  float result = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (; i < n; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

void softmax_row(const float* x, int64_t n, float* y) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const auto lanes = int64_t(hn::Lanes(d));
  const float largest = largest_of(x, n);
  auto sums = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto power = exp_of(d, hn::Sub(hn::LoadU(d, x + i), hn::Set(d, largest)));
    hn::StoreU(power, d, y + i);
    sums = hn::Add(sums, power);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; i < n; ++i) {
    y[i] = hn::GetLane(exp_of(one, hn::Set(one, x[i] - largest)));
    sum += y[i];
  }
  for_lanes(n, [&](auto dn, int64_t j) HWY_ATTR {
    hn::StoreU(hn::Div(hn::LoadU(dn, y + j), hn::Set(dn, sum)), dn, y + j);
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(softmax_row);

bool can_run(const SoftmaxProblem& p) { return p.dtype == DType::f32; }

void run(const SoftmaxProblem& p, const SoftmaxArgs& a, void*, void*, Queue) {
  parallel_for_pixels(p.rows, p.cols, [&](int64_t first, int64_t count) {
    for (int64_t row = first; row < first + count; ++row) HWY_DYNAMIC_DISPATCH(softmax_row)
    (static_cast<const float*>(a.x) + row * p.x_pitch, p.cols,
     static_cast<float*>(a.y) + row * p.y_pitch);
  });
}

}  // namespace

extern constinit const SoftmaxKernel kSoftmaxRowVectors{
    .name = "row_vectors", .exact = false, .can_run = can_run, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
