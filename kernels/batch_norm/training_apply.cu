// y and dx from x, element by element. A block works out the constants of its channels once, in
// double precision; each thread then keeps those of one vector of channels for all its pixels.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/batch_norm/pixel_strips.h"
#include "kernels/batch_norm/through_relu.h"
#include "kernels/batch_norm/training_affine.h"

namespace sf {

SF_DEVICE_TABLE(BatchNormApplyKernel, batch_norm_apply_kernels)
SF_DEVICE_TABLE(BatchNormBackwardApplyKernel, batch_norm_backward_apply_kernels)

namespace SF_DEVICE_NS {
namespace {

using Problem = BatchNormTrainingProblem;
constexpr int kThreads = ChannelTiles::kThreads;
constexpr int kThreadPixels = 8;  // of a block, for each of its rows

struct Tiling {
  ChannelTiles tiles;
  PixelStrips strips;

  Tiling(const Problem& p, int width) : tiles(p.c / width), strips(p, tiles.rows * kThreadPixels) {}
  dim3 grid() const { return {unsigned(strips.size()), unsigned(tiles.slabs)}; }
};

// Fills the constants of the thread's channels with f(moment).
template <int kWidth, class Constants, class F>
SF_DEVICE void share_constants(const Tiling& t, int channels, int split, const TilePlace& at,
                               Constants (&mine)[kWidth], const F& f) {
  auto* shared = dynamic_shared<Constants>();
  const int first = int(blockIdx.y) * t.tiles.slab * kWidth;
  for (int i = int(threadIdx.x); i < t.tiles.slab * kWidth; i += kThreads)
    if (first + i < channels) shared[i] = f(int64_t(split) * channels + first + i);
  __syncthreads();
  if (!at.inside) return;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) mine[k] = shared[at.vector * kWidth - first + k];
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    apply_kernel(Tiling tiling, Problem p, BatchNormApplyArgs a) {
  const TilePlace at(tiling.tiles);
  const PixelStrip strip = tiling.strips[int(blockIdx.x)];
  NormAffine<float> affine[kWidth];
  share_constants(tiling, p.c, strip.split, at, affine,
                  [&](int64_t moment) { return norm_affine<float>(p, a, moment); });
  if (!at.inside) return;
  const int c = at.vector * kWidth, rows = tiling.tiles.rows;
  const T* x = at_pixel<const T>(a.x, strip.first, p.x_pitch, c);
  const T* residual = at_pixel<const T>(a.residual, strip.first, p.residual_pitch, c);
  T* y = at_pixel<T>(a.y, strip.first, p.y_pitch, c);
  for_pixel_batches<2>(at.row, rows, strip.count, [&](auto n, int i) {
    Vec<T, kWidth> v[n], add[n];
#pragma unroll
    for (int j = 0; j < n; ++j) {
      v[j] = load<kWidth>(x + (i + j * rows) * p.x_pitch);
      if (p.residual) add[j] = load<kWidth>(residual + (i + j * rows) * p.residual_pitch);
    }
#pragma unroll
    for (int j = 0; j < n; ++j) {
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        float value = (float(v[j][k]) - affine[k].centre) * affine[k].scale + affine[k].shift;
        if (p.residual) value += float(add[j][k]);
        v[j][k] = T(activate(p.activation, value));
      }
      store(y + (i + j * rows) * p.y_pitch, v[j]);
    }
  });
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    backward_apply_kernel(Tiling tiling, Problem p, BatchNormBackwardApplyArgs a) {
  const TilePlace at(tiling.tiles);
  const PixelStrip strip = tiling.strips[int(blockIdx.x)];
  NormGradient<float> gradient[kWidth];
  share_constants(tiling, p.c, strip.split, at, gradient,
                  [&](int64_t moment) { return norm_gradient<float>(p, a, moment); });
  if (!at.inside) return;
  const int c = at.vector * kWidth, rows = tiling.tiles.rows;
  const T* x = at_pixel<const T>(a.x, strip.first, p.x_pitch, c);
  const T* y = at_pixel<const T>(a.y, strip.first, p.y_pitch, c);
  const T* dy = at_pixel<const T>(a.dy, strip.first, p.dy_pitch, c);
  T* dx = at_pixel<T>(a.dx, strip.first, p.dx_pitch, c);
  for_pixel_batches<2>(at.row, rows, strip.count, [&](auto n, int i) {
    Vec<T, kWidth> v[n], g[n] = {};
#pragma unroll
    for (int j = 0; j < n; ++j) {
      v[j] = load<kWidth>(x + (i + j * rows) * p.x_pitch);
      g[j] = load<kWidth>(dy + (i + j * rows) * p.dy_pitch);
      if (p.activation == Activation::relu)
        g[j] = through_relu(load<kWidth>(y + (i + j * rows) * p.y_pitch), g[j]);
    }
#pragma unroll
    for (int j = 0; j < n; ++j) {
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const auto& constants = gradient[k];
        const float deviation = float(v[j][k]) - constants.centre;
        v[j][k] =
            T(float(g[j][k]) * constants.scale + (deviation * constants.slope + constants.shift));
      }
      store(dx + (i + j * rows) * p.dx_pitch, v[j]);
    }
  });
}

bool can_run(const Problem& p) { return is_storage(p.dtype); }

void run_apply(const Problem& p, const BatchNormApplyArgs& a, void*, void*, Queue queue) {
  with_vectors(p.dtype, p.c, {p.x_pitch, p.residual ? p.residual_pitch : 0, p.y_pitch},
               {a.x, a.residual, a.y}, [&](auto t, auto width) {
                 const Tiling tiling(p, width);
                 launch(apply_kernel<decltype(t), width>, tiling.grid(), kThreads,
                        sizeof(NormAffine<float>) * size_t(tiling.tiles.slab * width), queue,
                        tiling, p, a);
               });
}

void run_backward_apply(const Problem& p, const BatchNormBackwardApplyArgs& a, void*, void*,
                        Queue queue) {
  with_vectors(p.dtype, p.c, {p.x_pitch, a.y ? p.y_pitch : 0, p.dy_pitch, p.dx_pitch},
               {a.x, a.y, a.dy, a.dx}, [&](auto t, auto width) {
                 const Tiling tiling(p, width);
                 launch(backward_apply_kernel<decltype(t), width>, tiling.grid(), kThreads,
                        sizeof(NormGradient<float>) * size_t(tiling.tiles.slab * width), queue,
                        tiling, p, a);
               });
}

}  // namespace

std::span<const BatchNormApplyKernel> batch_norm_apply_kernels() {
  static constexpr std::array rows{
      BatchNormApplyKernel{.name = "channel_tiles", .can_run = can_run, .run = run_apply}};
  return rows;
}

std::span<const BatchNormBackwardApplyKernel> batch_norm_backward_apply_kernels() {
  static constexpr std::array rows{BatchNormBackwardApplyKernel{
      .name = "channel_tiles", .can_run = can_run, .run = run_backward_apply}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
