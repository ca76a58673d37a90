// Two ways to sum a bin: a block for a bin and a slab of channels where bins are large, else a
// thread for a vector of channels.
#include <array>

#include "kernels/adaptive_pool3d/adaptive_pool3d.h"
#include "kernels/adaptive_pool3d/bins.h"
#include "kernels/base/box.h"
#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"

namespace sf {

SF_DEVICE_TABLE(AdaptivePool3dKernel, adaptive_pool3d_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = ChannelTiles::kThreads;

template <class T, int kWidth>
SF_DEVICE void store_average(const float (&sums)[kWidth], int pixels, T* y) {
  Vec<T, kWidth> v;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) v[k] = T(sums[k] / float(pixels));
  store(y, v);
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads, 4)
    bin_block_kernel(AdaptivePool3dProblem p, ChannelTiles tiles, const T* x, T* y) {
  const TilePlace at(tiles);
  const int64_t pixel = blockIdx.x;
  const Bin bin = bin_of(p, pixel);
  const PixelBox box{.n = bin.n,
                     .first = {bin.t.first, bin.h.first, bin.w.first},
                     .size = {bin.t.size(), bin.h.size(), bin.w.size()},
                     .extent = {p.t, p.h, p.w}};
  float sums[kWidth];
  sum_box(box, x, p.x_pitch, tiles, at, sums, dynamic_shared<float>());
  if (at.inside && at.row == 0)
    store_average(sums, box.pixels(), y + pixel * p.y_pitch + at.vector * kWidth);
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads, 4)
    bin_thread_kernel(AdaptivePool3dProblem p, unsigned count, const T* x, T* y) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x, vectors = unsigned(p.c / kWidth);
  if (i >= count) return;
  const int64_t pixel = i / vectors;
  const int c = int(i % vectors) * kWidth;
  const Bin bin = bin_of(p, pixel);
  float sums[kWidth] = {};
  for_bin(p, bin, [&](int64_t from) {
    const auto v = load<kWidth>(x + from * p.x_pitch + c);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sums[k] += float(v[k]);
  });
  store_average(sums, bin.pixels(), y + pixel * p.y_pitch + c);
}

int64_t out_pixels(const AdaptivePool3dProblem& p) {
  return int64_t{p.n} * p.out_t * p.out_h * p.out_w;
}

bool can_run_thread(const AdaptivePool3dProblem& p) {
  return is_storage(p.dtype) && out_pixels(p) * p.c < int64_t{1} << 31;
}

bool can_run_block(const AdaptivePool3dProblem& p) {
  constexpr int64_t kLarge = 64;  // pixels of a bin, about
  return can_run_thread(p) && int64_t{p.n} * p.t * p.h * p.w >= kLarge * out_pixels(p);
}

void run_block(const AdaptivePool3dProblem& p, const AdaptivePool3dArgs& a, void*, void*,
               Queue queue) {
  with_vectors(p.dtype, p.c, {p.x_pitch, p.y_pitch}, {a.x, a.y}, [&](auto t, auto width) {
    using T = decltype(t);
    const ChannelTiles tiles(p.c / width, 8);
    launch(bin_block_kernel<T, width>, dim3(unsigned(out_pixels(p)), unsigned(tiles.slabs)),
           kThreads, sizeof(float) * width * kThreads, queue, p, tiles, static_cast<const T*>(a.x),
           static_cast<T*>(a.y));
  });
}

void run_thread(const AdaptivePool3dProblem& p, const AdaptivePool3dArgs& a, void*, void*,
                Queue queue) {
  with_vectors(p.dtype, p.c, {p.x_pitch, p.y_pitch}, {a.x, a.y}, [&](auto t, auto width) {
    using T = decltype(t);
    const int64_t count = out_pixels(p) * (p.c / width);
    launch(bin_thread_kernel<T, width>, ceil_div(count, kThreads), kThreads, 0, queue, p, count,
           static_cast<const T*>(a.x), static_cast<T*>(a.y));
  });
}

}  // namespace

std::span<const AdaptivePool3dKernel> adaptive_pool3d_kernels() {
  static constexpr std::array rows{
      AdaptivePool3dKernel{.name = "block_a_bin", .can_run = can_run_block, .run = run_block},
      AdaptivePool3dKernel{.name = "vectors", .can_run = can_run_thread, .run = run_thread}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
