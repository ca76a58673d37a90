// Sums of deviations from the first value of the split and of their squares (the shifted data
// algorithm of Chan, Golub and LeVeque), so that a mean far from zero costs no precision though
// strips are added up in single precision. The second stage makes sums of x and x squared of them,
// in double precision.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/batch_norm/strip_sums.h"

namespace sf {

SF_DEVICE_TABLE(BatchNormSumsKernel, batch_norm_sums_kernels)

namespace SF_DEVICE_NS {
namespace {

using Problem = BatchNormTrainingProblem;

template <class T, int kWidth>
__global__ void __launch_bounds__(ChannelTiles::kThreads)
    strip_sums_kernel(StripSums s, int c, int64_t pitch, const T* x, float* partials) {
  const TilePlace at(s.tiles);
  const PixelStrip strip = s.strips[int(blockIdx.x)];
  float sums[2 * kWidth] = {};
  if (at.inside) {
    x += at.vector * kWidth;
    const auto shift = load<kWidth>(x + s.strips.first_pixel_of(strip.split) * pitch);
    x += strip.first * pitch;
    const int rows = s.tiles.rows;
    for_pixel_batches<StripSums::kBatch>(at.row, rows, strip.count, [&](auto n, int i) {
      Vec<T, kWidth> v[n];
#pragma unroll
      for (int j = 0; j < n; ++j) v[j] = load<kWidth>(x + (i + j * rows) * pitch);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        float sum = 0, square = 0;
#pragma unroll
        for (int j = 0; j < n; ++j) {
          const float d = float(v[j][k]) - float(shift[k]);
          sum += d;
          square += d * d;
        }
        sums[k] += sum;
        sums[kWidth + k] += square;
      }
    });
  }
  store_strip_sums<kWidth>(sums, at, s.tiles, c, partials);
}

// From sums of d and d^2 to those of d + shift and its square.
template <class T>
struct Unshift {
  const T* x;
  PixelStrips strips;
  int64_t pitch;
  double count;

  SF_HOST_DEVICE void operator()(int split, int channel, double (&sums)[2]) const {
    const double shift = double(float(x[strips.first_pixel_of(split) * pitch + channel]));
    sums[1] += shift * (2 * sums[0] + count * shift);
    sums[0] += count * shift;
  }
};

bool can_run(const Problem& p) { return is_storage(p.dtype); }

void run(const Problem& p, const BatchNormSumsArgs& a, void*, void* workspace, Queue queue) {
  auto* partials = static_cast<float*>(workspace);
  with_vectors(p.dtype, p.c, {p.x_pitch}, {a.x}, [&](auto t, auto width) {
    using T = decltype(t);
    const auto* x = static_cast<const T*>(a.x);
    const StripSums s(p, width);
    launch(strip_sums_kernel<T, width>, s.grid(), ChannelTiles::kThreads, kStripShared<width>,
           queue, s, p.c, p.x_pitch, x, partials);
    add_strips(p, s.strips, partials, a.sums, a.count, queue,
               Unshift<T>{x, s.strips, p.x_pitch, double(p.count())});
  });
}

}  // namespace

std::span<const BatchNormSumsKernel> batch_norm_sums_kernels() {
  static constexpr std::array rows{
      BatchNormSumsKernel{.name = "shifted_strips",
                          .can_run = can_run,
                          .workspace_bytes = StripSums::workspace_bytes,
                          .run = run,
                          .launches = strip_sums_launches}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
