// Vectors along a row; the columns that fill no vector go one by one.
#include "kernels/softmax/backward.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax/backward_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/pixels.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

HWY_INLINE float dot(const float* a, const float* b, int64_t n) {
  const hn::ScalableTag<float> d;
  const auto lanes = int64_t(hn::Lanes(d));
  auto sums = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    sums = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sums);
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void backward_row(const float* y, const float* dy, int64_t n, float* dx) {
  const float sum = dot(y, dy, n);
  for_lanes(n, [&](auto d, int64_t i) HWY_ATTR {
    const auto centred = hn::Sub(hn::LoadU(d, dy + i), hn::Set(d, sum));
    hn::StoreU(hn::Mul(hn::LoadU(d, y + i), centred), d, dx + i);
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(backward_row);

bool can_run(const SoftmaxBackwardProblem& p) { return p.dtype == DType::f32; }

void run(const SoftmaxBackwardProblem& p, const SoftmaxBackwardArgs& a, void*, void*, Queue) {
  parallel_for_pixels(p.rows, p.cols, [&](int64_t first, int64_t count) {
    for (int64_t row = first; row < first + count; ++row) {
      const float* y = static_cast<const float*>(a.y) + row * p.y_pitch;
      const float* dy = static_cast<const float*>(a.dy) + row * p.dy_pitch;
      float* dx = static_cast<float*>(a.dx) + row * p.dx_pitch;
      HWY_DYNAMIC_DISPATCH(backward_row)(y, dy, p.cols, dx);
    }
  });
}

}  // namespace

extern constinit const SoftmaxBackwardKernel kSoftmaxBackwardRowVectors{
    .name = "row_vectors", .exact = false, .can_run = can_run, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
