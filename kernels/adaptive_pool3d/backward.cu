// A thread a vector of channels of one input pixel, which collects from the bins that cover it.
#include <array>

#include "kernels/adaptive_pool3d/backward.h"
#include "kernels/adaptive_pool3d/bins.h"
#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"

namespace sf {

SF_DEVICE_TABLE(AdaptivePool3dBackwardKernel, adaptive_pool3d_backward_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads, 4)
    collect_kernel(AdaptivePool3dProblem p, unsigned count, const T* dy, T* dx) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x, vectors = unsigned(p.c / kWidth);
  if (i >= count) return;
  const int64_t pixel = i / vectors;
  const int c = int(i % vectors) * kWidth;
  float sums[kWidth] = {};
  for_covering_bins(p, pixel, [&](int64_t out) {
    const auto g = load<kWidth>(dy + out * p.y_pitch + c);
    const auto pixels = float(bin_of(p, out).pixels());
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sums[k] += float(g[k]) / pixels;
  });
  Vec<T, kWidth> v;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) v[k] = T(sums[k]);
  store(dx + pixel * p.x_pitch + c, v);
}

int64_t pixels(const AdaptivePool3dProblem& p) { return int64_t{p.n} * p.t * p.h * p.w; }

bool can_run(const AdaptivePool3dProblem& p) {
  return is_storage(p.dtype) && pixels(p) * p.c < int64_t{1} << 31;
}

void run(const AdaptivePool3dProblem& p, const AdaptivePool3dBackwardArgs& a, void*, void*,
         Queue queue) {
  with_vectors(p.dtype, p.c, {p.x_pitch, p.y_pitch}, {a.dy, a.dx}, [&](auto t, auto width) {
    using T = decltype(t);
    const int64_t count = pixels(p) * (p.c / width);
    launch(collect_kernel<T, width>, ceil_div(count, kThreads), kThreads, 0, queue, p, count,
           static_cast<const T*>(a.dy), static_cast<T*>(a.dx));
  });
}

}  // namespace

std::span<const AdaptivePool3dBackwardKernel> adaptive_pool3d_backward_kernels() {
  static constexpr std::array rows{
      AdaptivePool3dBackwardKernel{.name = "vectors", .can_run = can_run, .run = run}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
