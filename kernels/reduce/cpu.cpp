// Vectors of channels; each thread takes some channels of one sum, which stay in the nearest cache
// while the pixels stream by.
#include <algorithm>
#include <array>

#include "kernels/reduce/reduce.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/base/threads.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

void add_pixels(const float* x, int64_t pixels, int64_t pitch, int channels, double* sums) {
  for (int64_t i = 0; i < pixels; ++i, x += pitch)
    for_double_lanes(channels, [&](auto d, int64_t c) HWY_ATTR {
      hn::StoreU(hn::Add(hn::LoadU(d, sums + c), load_doubles(d, x + c)), d, sums + c);
    });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(add_pixels);

constexpr int kSlice = 256;  // channels

bool can_run(const SumPixelsProblem& p) { return p.dtype == DType::f32; }

void run(const SumPixelsProblem& p, const SumPixelsArgs& a, void*, void*, Queue) {
  const int slices = (p.c + kSlice - 1) / kSlice;
  parallel_for(p.pixels * slices, 1, [&](int64_t i) {
    const int64_t pixel = i / slices;
    const int first = int(i % slices) * kSlice, count = std::min(kSlice, p.c - first);
    const float* x = static_cast<const float*>(a.x) + pixel * p.repeat * p.x_pitch + first;
    std::array<double, kSlice> sums{};
    HWY_DYNAMIC_DISPATCH(add_pixels)(x, p.repeat, p.x_pitch, count, sums.data());
    float* y = static_cast<float*>(a.y) + pixel * p.y_pitch + first;
    std::transform(sums.begin(), sums.begin() + count, y, [](double sum) { return float(sum); });
  });
}

}  // namespace

extern constinit const SumPixelsKernel kSumPixelsChannelVectors{
    .name = "channel_vectors", .can_run = can_run, .run = run};

}  // namespace sf
#endif  // HWY_ONCE
