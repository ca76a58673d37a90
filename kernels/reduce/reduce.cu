// Sums in double precision, in one stage where there are outputs enough for blocks, else in two: a
// block adds up a strip of pixels, then one block for 32 channels the strips. Every order is fixed.
#include <algorithm>
#include <array>

#include "kernels/base/channel_tiles.h"
#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/reduce/reduce.h"

namespace sf {

SF_DEVICE_TABLE(SumPixelsKernel, sum_pixels_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = ChannelTiles::kThreads;
constexpr int kBatch = 4;  // pixels of a thread that are loaded together

// The pixels of every sum in `strips` parts of `pixels`, the last one smaller.
struct Strips {
  ChannelTiles tiles;
  int pixels, strips;

  Strips(const SumPixelsProblem& p, int width) : tiles(p.c / width) {
    constexpr int64_t kBlocks = 1024;
    const int64_t blocks = std::max<int64_t>(1, kBlocks / (p.pixels * tiles.slabs));
    const int64_t batches = p.repeat / (blocks * tiles.rows) / kBatch;
    pixels = int(std::clamp<int64_t>(batches, 1, 16)) * kBatch * tiles.rows;
    strips = int(ceil_div(p.repeat, pixels));
  }
};

// Half types are rounded from float32, as single precision stores it.
template <class Out>
SF_DEVICE Out rounded(double sum) {
  if constexpr (std::is_same_v<Out, double>)
    return sum;
  else
    return Out(float(sum));
}

// Block (x, y): slab y of strip x % strips of sum x / strips. Out: T where that is the result, or
// double for the second stage.
template <class T, class Out, int kWidth>
__global__ void __launch_bounds__(kThreads)
    sum_strips_kernel(SumPixelsProblem p, Strips s, const T* x, Out* y, int64_t y_pitch) {
  const TilePlace at(s.tiles);
  const int64_t sum = blockIdx.x / unsigned(s.strips);
  const int first = int(blockIdx.x % unsigned(s.strips)) * s.pixels, rows = s.tiles.rows;
  double sums[kWidth] = {};
  if (at.inside) {
    x += (sum * p.repeat + first) * p.x_pitch + at.vector * kWidth;
    const auto count = int(minimum<int64_t>(s.pixels, p.repeat - first));
    for_pixel_batches<kBatch>(at.row, rows, count, [&](auto n, int i) {
      Vec<T, kWidth> v[n];
#pragma unroll
      for (int j = 0; j < n; ++j) v[j] = load<kWidth>(x + (i + j * rows) * p.x_pitch);
#pragma unroll
      for (int j = 0; j < n; ++j) {
#pragma unroll
        for (int k = 0; k < kWidth; ++k) sums[k] += double(float(v[j][k]));
      }
    });
  }
  sum_over_rows(sums, rows, s.tiles.slab, dynamic_shared<double>());
  if (!at.inside || at.row > 0) return;
  y += int64_t(blockIdx.x) * y_pitch + at.vector * kWidth;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) y[k] = rounded<Out>(sums[k]);
}

// A warp takes every blockDim.x / 32nd strip of 32 channels of sum blockIdx.y.
template <class T>
__global__ void __launch_bounds__(1024)
    add_strips_kernel(int c, int strips, const double* partials, T* y, int64_t pitch) {
  const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) / 32, rows = int(blockDim.x) / 32;
  const int channel = int(blockIdx.x) * 32 + lane;
  double sum[1] = {0};
  if (channel < c) {
    const double* from = partials + int64_t(blockIdx.y) * strips * c + channel;
    for_pixel_batches<4>(row, rows, strips, [&](auto n, int i) {
      double parts[n];
#pragma unroll
      for (int j = 0; j < n; ++j) parts[j] = from[int64_t(i + j * rows) * c];
#pragma unroll
      for (int j = 0; j < n; ++j) sum[0] += parts[j];
    });
  }
  sum_over_rows(sum, rows, 32, dynamic_shared<double>());
  if (row == 0 && channel < c) y[int64_t(blockIdx.y) * pitch + channel] = rounded<T>(sum[0]);
}

bool can_run(const SumPixelsProblem& p) {
  constexpr int64_t kMostBlocks = 65535;  // of grid.y
  constexpr int64_t kMostPixels = int64_t{1} << 30;
  return is_storage(p.dtype) && p.pixels <= kMostBlocks && p.repeat <= kMostPixels;
}

size_t workspace_bytes(const SumPixelsProblem& p, void*) {
  const int width = 16 / int(size_of(p.dtype));
  int strips = Strips(p, 1).strips;
  if (p.c % width == 0) strips = std::max(strips, Strips(p, width).strips);
  return strips == 1 ? 0 : size_t(strips) * size_t(p.pixels * p.c) * sizeof(double);
}

// Of x and y that allow vectors wherever their sizes do.
int launches(const SumPixelsProblem& p) {
  const int width = 16 / int(size_of(p.dtype));
  const bool vectors = p.c % width == 0 && p.x_pitch % width == 0 && p.y_pitch % width == 0;
  return Strips(p, vectors ? width : 1).strips == 1 ? 1 : 2;
}

void run(const SumPixelsProblem& p, const SumPixelsArgs& a, void*, void* workspace, Queue queue) {
  with_vectors(p.dtype, p.c, {p.x_pitch, p.y_pitch}, {a.x, a.y}, [&](auto t, auto width) {
    using T = decltype(t);
    const Strips s(p, width);
    const auto* x = static_cast<const T*>(a.x);
    auto* y = static_cast<T*>(a.y);
    const dim3 grid(unsigned(p.pixels * s.strips), unsigned(s.tiles.slabs));
    constexpr size_t kShared = sizeof(double) * width * kThreads;
    if (s.strips == 1)
      return launch(sum_strips_kernel<T, T, width>, grid, kThreads, kShared, queue, p, s, x, y,
                    p.y_pitch);
    auto* partials = static_cast<double*>(workspace);
    launch(sum_strips_kernel<T, double, width>, grid, kThreads, kShared, queue, p, s, x, partials,
           p.c);
    const int threads = 32 * std::min(s.strips, 32);
    launch(add_strips_kernel<T>, dim3(unsigned(ceil_div(p.c, 32)), unsigned(p.pixels)), threads,
           sizeof(double) * size_t(threads), queue, p.c, s.strips, partials, y, p.y_pitch);
  });
}

}  // namespace

std::span<const SumPixelsKernel> sum_pixels_kernels() {
  static constexpr std::array rows{SumPixelsKernel{.name = "strips",
                                                   .can_run = can_run,
                                                   .workspace_bytes = workspace_bytes,
                                                   .run = run,
                                                   .launches = launches}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
