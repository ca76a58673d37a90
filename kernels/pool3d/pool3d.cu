// A thread a vector of channels of one output pixel. Neighbours share most of their windows, which
// the nearest cache holds.
#include <array>

#include "kernels/base/box.h"
#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/pool3d/place.h"
#include "kernels/pool3d/pool3d.h"

namespace sf {

SF_DEVICE_TABLE(Pool3dKernel, pool3d_kernels)

namespace SF_DEVICE_NS {
namespace {

template <class T, int kWidth>
__global__ void __launch_bounds__(kPoolThreads, kPoolBlocks)
    window_kernel(Pool3dProblem p, PoolExtent out, const T* x, T* y) {
  const PoolPlace at(out);
  if (!at.inside) return;
  const PoolRange t = pool_range(p, 0, p.t, at.t), h = pool_range(p, 1, p.h, at.h),
                  w = pool_range(p, 2, p.w, at.w);
  const bool max = p.kind == PoolKind::max;
  float values[kWidth];
#pragma unroll
  for (int k = 0; k < kWidth; ++k) values[k] = max ? float_of(0xFF800000) : 0;  // -inf
  x += at.vector * kWidth;
  for (int i = t.first; i < t.last; ++i)
    for (int j = h.first; j < h.last; ++j) {
      const T* row = x + ((int64_t(at.n) * p.t + i) * p.h + j) * p.w * p.x_pitch;
#pragma unroll 3
      for (int l = w.first; l < w.last; ++l) {
        const auto v = load<kWidth>(row + l * p.x_pitch);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) {
          const float value = v[k];
          if (!max)
            values[k] += value;
          else if (value > values[k] || value != value)
            values[k] = value;
        }
      }
    }
  Vec<T, kWidth> v;
  const float divisor = max ? 1 : float(pool_divisor(p, t, h, w));
#pragma unroll
  for (int k = 0; k < kWidth; ++k) v[k] = T(values[k] / divisor);
  store(y + at.pixel * p.y_pitch + at.vector * kWidth, v);
}

// A block an output pixel and a slab of channels: for averages over windows too large for a thread.
template <class T, int kWidth>
__global__ void __launch_bounds__(ChannelTiles::kThreads)
    average_kernel(Pool3dProblem p, PoolExtent out, ChannelTiles tiles, const T* x, T* y) {
  const TilePlace at(tiles);
  const int64_t pixel = blockIdx.x;
  const PoolRange t = pool_range(p, 0, p.t, int(pixel / out.w / out.h % out.t)),
                  h = pool_range(p, 1, p.h, int(pixel / out.w % out.h)),
                  w = pool_range(p, 2, p.w, int(pixel % out.w));
  const PixelBox box{.n = pixel / out.w / out.h / out.t,
                     .first = {t.first, h.first, w.first},
                     .size = {t.last - t.first, h.last - h.first, w.last - w.first},
                     .extent = {p.t, p.h, p.w}};
  float sums[kWidth];
  sum_box(box, x, p.x_pitch, tiles, at, sums, dynamic_shared<float>());
  if (!at.inside || at.row > 0) return;
  Vec<T, kWidth> v;
  const auto divisor = float(pool_divisor(p, t, h, w));
#pragma unroll
  for (int k = 0; k < kWidth; ++k) v[k] = T(sums[k] / divisor);
  store(y + pixel * p.y_pitch + at.vector * kWidth, v);
}

bool can_run_window(const Pool3dProblem& p) { return is_storage(p.dtype) && fits_place(p); }

bool can_run_average(const Pool3dProblem& p) {
  constexpr int64_t kLarge = 64;
  return p.kind == PoolKind::average && can_run_window(p) &&
         int64_t{p.window[0]} * p.window[1] * p.window[2] >= kLarge;
}

void run_window(const Pool3dProblem& p, const Pool3dArgs& a, void*, void*, Queue queue) {
  with_vectors(p.dtype, p.c, {p.x_pitch, p.y_pitch}, {a.x, a.y}, [&](auto t, auto width) {
    using T = decltype(t);
    const PoolExtent out = out_extent(p, width);
    launch(window_kernel<T, width>, out.blocks(), kPoolThreads, 0, queue, p, out,
           static_cast<const T*>(a.x), static_cast<T*>(a.y));
  });
}

void run_average(const Pool3dProblem& p, const Pool3dArgs& a, void*, void*, Queue queue) {
  with_vectors(p.dtype, p.c, {p.x_pitch, p.y_pitch}, {a.x, a.y}, [&](auto t, auto width) {
    using T = decltype(t);
    const ChannelTiles tiles(p.c / width, 8);
    const PoolExtent out = out_extent(p, 1);
    launch(average_kernel<T, width>, dim3(unsigned(out.size() / p.c), unsigned(tiles.slabs)),
           ChannelTiles::kThreads, sizeof(float) * width * ChannelTiles::kThreads, queue, p, out,
           tiles, static_cast<const T*>(a.x), static_cast<T*>(a.y));
  });
}

}  // namespace

std::span<const Pool3dKernel> pool3d_kernels() {
  static constexpr std::array rows{
      Pool3dKernel{.name = "block_a_window", .can_run = can_run_average, .run = run_average},
      Pool3dKernel{.name = "vectors", .can_run = can_run_window, .run = run_window}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
