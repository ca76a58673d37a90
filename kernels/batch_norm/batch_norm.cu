// y = x scale + shift. A block works out the scales and shifts of its channels once, in double
// precision; each thread then keeps those of one vector of channels for all its pixels.
#include <array>

#include "kernels/base/channel_tiles.h"
#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/batch_norm/affine.h"
#include "kernels/batch_norm/batch_norm.h"

namespace sf {

SF_DEVICE_TABLE(BatchNormKernel, batch_norm_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = ChannelTiles::kThreads;
constexpr int kBatch = 4;                  // pixels of a thread that are loaded together
constexpr int kThreadPixels = 2 * kBatch;  // of a block, for each of its rows

struct Affine {
  float scale, shift;
};

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    batch_norm_kernel(BatchNormProblem p, BatchNormArgs a, ChannelTiles tiles) {
  auto* constants = dynamic_shared<Affine>();
  const int first_channel = int(blockIdx.y) * tiles.slab * kWidth;
  for (int i = int(threadIdx.x); i < tiles.slab * kWidth; i += kThreads)
    if (const int c = first_channel + i; c < p.c) {
      const double scale = norm_scale<float>(a.gamma, a.variance, p.epsilon, c);
      constants[i] = {float(scale), float(norm_shift<float>(a, scale, c))};
    }
  __syncthreads();
  const TilePlace at(tiles);
  if (!at.inside) return;
  const int c = at.vector * kWidth;
  float scale[kWidth], shift[kWidth];
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    const Affine affine = constants[c - first_channel + k];
    scale[k] = affine.scale, shift[k] = affine.shift;
  }
  const int64_t first = int64_t(blockIdx.x) * tiles.rows * kThreadPixels;
  const auto count = int(minimum<int64_t>(p.pixels - first, tiles.rows * kThreadPixels));
  const T* x = static_cast<const T*>(a.x) + first * p.x_pitch + c;
  T* y = static_cast<T*>(a.y) + first * p.y_pitch + c;
  for_pixel_batches<kBatch>(at.row, tiles.rows, count, [&](auto n, int i) {
    Vec<T, kWidth> v[n];
#pragma unroll
    for (int j = 0; j < n; ++j) v[j] = load<kWidth>(x + (i + j * tiles.rows) * p.x_pitch);
#pragma unroll
    for (int j = 0; j < n; ++j) {
#pragma unroll
      for (int k = 0; k < kWidth; ++k) v[j][k] = T(float(v[j][k]) * scale[k] + shift[k]);
      store(y + (i + j * tiles.rows) * p.y_pitch, v[j]);
    }
  });
}

bool can_run(const BatchNormProblem& p) { return is_storage(p.dtype); }

void run(const BatchNormProblem& p, const BatchNormArgs& a, void*, void*, Queue queue) {
  with_vectors(p.dtype, p.c, {p.x_pitch, p.y_pitch}, {a.x, a.y}, [&](auto t, auto width) {
    const ChannelTiles tiles(p.c / width);
    launch(batch_norm_kernel<decltype(t), width>,
           dim3(unsigned(ceil_div(p.pixels, tiles.rows * kThreadPixels)), unsigned(tiles.slabs)),
           kThreads, sizeof(Affine) * size_t(tiles.slab * width), queue, p, a, tiles);
  });
}

}  // namespace

std::span<const BatchNormKernel> batch_norm_kernels() {
  static constexpr std::array rows{
      BatchNormKernel{.name = "channel_tiles", .can_run = can_run, .run = run}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
