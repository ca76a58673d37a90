// Vectors of channels, an input pixel after the other.
#include "kernels/adaptive_pool3d/backward.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/adaptive_pool3d/backward_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/adaptive_pool3d/bins.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/pixels.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

void spread_bins(const AdaptivePool3dProblem& p, const AdaptivePool3dBackwardArgs& a, int64_t first,
                 int64_t count) {
  for (int64_t pixel = first; pixel < first + count; ++pixel) {
    float* dx = static_cast<float*>(a.dx) + pixel * p.x_pitch;
    for_lanes(p.c, [&](auto d, int64_t i) HWY_ATTR { hn::StoreU(hn::Zero(d), d, dx + i); });
    for_covering_bins(p, pixel, [&](int64_t out) HWY_ATTR {
      const float* dy = static_cast<const float*>(a.dy) + out * p.y_pitch;
      const auto pixels = float(bin_of(p, out).pixels());
      for_lanes(p.c, [&](auto d, int64_t i) HWY_ATTR {
        const auto share = hn::Div(hn::LoadU(d, dy + i), hn::Set(d, pixels));
        hn::StoreU(hn::Add(hn::LoadU(d, dx + i), share), d, dx + i);
      });
    });
  }
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(spread_bins);

bool can_run(const AdaptivePool3dProblem& p) { return p.dtype == DType::f32; }

void run(const AdaptivePool3dProblem& p, const AdaptivePool3dBackwardArgs& a, void*, void*, Queue) {
  parallel_for_pixels(int64_t{p.n} * p.t * p.h * p.w, p.c, [&](int64_t first, int64_t count) {
    HWY_DYNAMIC_DISPATCH(spread_bins)(p, a, first, count);
  });
}

}  // namespace

extern constinit const AdaptivePool3dBackwardKernel kAdaptivePool3dBackwardChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
