// Sums whole pixels into y, in vectors of channels; each thread takes some channels of one bin. A
// slice of channels stays in the nearest cache while the bin streams by.
#include <algorithm>

#include "kernels/adaptive_pool3d/adaptive_pool3d.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/adaptive_pool3d/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/adaptive_pool3d/bins.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/threads.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

// Channels [first, first + count) of one output pixel.
void average_bin(const AdaptivePool3dProblem& p, const AdaptivePool3dArgs& a, int64_t pixel,
                 int first, int count) {
  const Bin bin = bin_of(p, pixel);
  float* y = static_cast<float*>(a.y) + pixel * p.y_pitch + first;
  for_lanes(count, [&](auto d, int64_t i) HWY_ATTR { hn::StoreU(hn::Zero(d), d, y + i); });
  for_bin(p, bin, [&](int64_t from) HWY_ATTR {
    const float* x = static_cast<const float*>(a.x) + from * p.x_pitch + first;
    for_lanes(count, [&](auto d, int64_t i) HWY_ATTR {
      hn::StoreU(hn::Add(hn::LoadU(d, y + i), hn::LoadU(d, x + i)), d, y + i);
    });
  });
  for_lanes(count, [&](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::Div(hn::LoadU(d, y + i), hn::Set(d, float(bin.pixels()))), d, y + i);
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(average_bin);

constexpr int kSlice = 256;  // channels

bool can_run(const AdaptivePool3dProblem& p) { return p.dtype == DType::f32; }

void run(const AdaptivePool3dProblem& p, const AdaptivePool3dArgs& a, void*, void*, Queue) {
  const int slices = (p.c + kSlice - 1) / kSlice;
  parallel_for(int64_t{p.n} * p.out_t * p.out_h * p.out_w * slices, 1, [&](int64_t i) {
    const int first = int(i % slices) * kSlice;
    HWY_DYNAMIC_DISPATCH(average_bin)(p, a, i / slices, first, std::min(kSlice, p.c - first));
  });
}

}  // namespace

extern constinit const AdaptivePool3dKernel kAdaptivePool3dChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
