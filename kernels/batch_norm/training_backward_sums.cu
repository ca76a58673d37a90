// Sums of g and of g (x - centre), the centre being the mean rounded to float32; what that lacks of
// the mean is added in the second stage, in double precision. g is made and stored on the way.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/batch_norm/strip_sums.h"
#include "kernels/batch_norm/through_relu.h"

namespace sf {

SF_DEVICE_TABLE(BatchNormBackwardSumsKernel, batch_norm_backward_sums_kernels)

namespace SF_DEVICE_NS {
namespace {

using Problem = BatchNormTrainingProblem;

template <class T, int kWidth>
__global__ void __launch_bounds__(ChannelTiles::kThreads)
    strip_gradients_kernel(StripSums s, Problem p, BatchNormBackwardSumsArgs a, float* partials) {
  const TilePlace at(s.tiles);
  const PixelStrip strip = s.strips[int(blockIdx.x)];
  float sums[2 * kWidth] = {};
  if (at.inside) {
    const int c = at.vector * kWidth, rows = s.tiles.rows;
    float centre[kWidth];
#pragma unroll
    for (int k = 0; k < kWidth; ++k) centre[k] = float(a.mean[int64_t(strip.split) * p.c + c + k]);
    const T* x = at_pixel<const T>(a.x, strip.first, p.x_pitch, c);
    const T* y = at_pixel<const T>(a.y, strip.first, p.y_pitch, c);
    const T* dy = at_pixel<const T>(a.dy, strip.first, p.dy_pitch, c);
    T* dresidual = at_pixel<T>(a.dresidual, strip.first, p.residual_pitch, c);
    for_pixel_batches<StripSums::kBatch>(at.row, rows, strip.count, [&](auto n, int i) {
      Vec<T, kWidth> v[n], g[n];
#pragma unroll
      for (int j = 0; j < n; ++j) {
        const int pixel = i + j * rows;
        v[j] = load<kWidth>(x + pixel * p.x_pitch);
        g[j] = load<kWidth>(dy + pixel * p.dy_pitch);
        if (p.activation == Activation::relu)
          g[j] = through_relu(load<kWidth>(y + pixel * p.y_pitch), g[j]);
      }
      if (p.residual) {
#pragma unroll
        for (int j = 0; j < n; ++j) store(dresidual + (i + j * rows) * p.residual_pitch, g[j]);
      }
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        float sum = 0, product = 0;
#pragma unroll
        for (int j = 0; j < n; ++j) {
          sum += float(g[j][k]);
          product += float(g[j][k]) * (float(v[j][k]) - centre[k]);
        }
        sums[k] += sum;
        sums[kWidth + k] += product;
      }
    });
  }
  store_strip_sums<kWidth>(sums, at, s.tiles, p.c, partials);
}

// From a sum of g (x - centre) to one of g (x - mean).
struct Recentre {
  const double* mean;
  int c;

  SF_HOST_DEVICE void operator()(int split, int channel, double (&sums)[2]) const {
    const double m = mean[int64_t(split) * c + channel];
    sums[1] += (double(float(m)) - m) * sums[0];
  }
};

bool can_run(const Problem& p) { return is_storage(p.dtype); }

void run(const Problem& p, const BatchNormBackwardSumsArgs& a, void*, void* workspace,
         Queue queue) {
  auto* partials = static_cast<float*>(workspace);
  with_vectors(p.dtype, p.c,
               {p.x_pitch, a.y ? p.y_pitch : 0, p.dy_pitch, p.residual ? p.residual_pitch : 0},
               {a.x, a.y, a.dy, a.dresidual}, [&](auto t, auto width) {
                 const StripSums s(p, width);
                 launch(strip_gradients_kernel<decltype(t), width>, s.grid(),
                        ChannelTiles::kThreads, kStripShared<width>, queue, s, p, a, partials);
                 add_strips(p, s.strips, partials, a.sums, a.count, queue, Recentre{a.mean, p.c});
               });
}

}  // namespace

std::span<const BatchNormBackwardSumsKernel> batch_norm_backward_sums_kernels() {
  static constexpr std::array rows{
      BatchNormBackwardSumsKernel{.name = "centred_strips",
                                  .can_run = can_run,
                                  .workspace_bytes = StripSums::workspace_bytes,
                                  .run = run,
                                  .launches = strip_sums_launches}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
