// Vectors of channels; the workspace holds the scales, then the shifts.
#include "kernels/batch_norm/batch_norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/batch_norm/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/pixels.h"
#include "kernels/batch_norm/affine.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

template <class T>
void scale_and_shift_of(const BatchNormProblem& p, const BatchNormArgs& a, const float* scale,
                        int64_t first, int64_t count) {
  const float* shift = scale + p.c;
  for (int64_t pixel = first; pixel < first + count; ++pixel) {
    const T* x = static_cast<const T*>(a.x) + pixel * p.x_pitch;
    T* y = static_cast<T*>(a.y) + pixel * p.y_pitch;
    for_lanes(p.c, [&](auto d, int64_t i) HWY_ATTR {
      const auto scaled = hn::MulAdd(load(d, x + i), load(d, scale + i), load(d, shift + i));
      store(scaled, d, y + i);
    });
  }
}

void scale_and_shift(const BatchNormProblem& p, const BatchNormArgs& a, const float* scale,
                     int64_t first, int64_t count) {
  with_lanes(p.dtype, [&](auto t) { scale_and_shift_of<decltype(t)>(p, a, scale, first, count); });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(scale_and_shift);

bool can_run(const BatchNormProblem& p) { return has_lanes(p.dtype); }

size_t workspace_bytes(const BatchNormProblem& p, void*) { return 2 * size_t(p.c) * sizeof(float); }

void run(const BatchNormProblem& p, const BatchNormArgs& a, void*, void* workspace, Queue) {
  auto* scale = static_cast<float*>(workspace);
  for (int c = 0; c < p.c; ++c) {
    const double exact_scale = norm_scale<float>(a.gamma, a.variance, p.epsilon, c);
    scale[c] = float(exact_scale);
    scale[p.c + c] = float(norm_shift<float>(a, exact_scale, c));
  }
  parallel_for_pixels(p.pixels, p.c, [&](int64_t first, int64_t count) {
    HWY_DYNAMIC_DISPATCH(scale_and_shift)(p, a, scale, first, count);
  });
}

}  // namespace

extern constinit const BatchNormKernel kBatchNormChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .workspace_bytes = workspace_bytes, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
