// Few rows: a warp an output value of eight rows, so that each weight is read once. Many rows: a
// block a tile of 64 x 64 values.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/base/tile_product.h"
#include "kernels/linear/linear.h"

namespace sf {

SF_DEVICE_TABLE(LinearKernel, linear_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kWarps = 4;     // of a block
constexpr int kWarpRows = 8;  // that a warp sums side by side

// Values i, i + 32 vectors, ... of the row are lane i's.
template <class T, int kWidth>
__global__ void __launch_bounds__(kWarps* kWarpSize)
    warp_kernel(LinearProblem p, const T* x, const T* w, const float* bias, T* y) {
  const int lane = lane_index();
  const int o = int(blockIdx.x) * kWarps + int(threadIdx.x) / kWarpSize;
  const int64_t first = int64_t(blockIdx.y) * kWarpRows;
  if (o >= p.out) return;  // the whole warp
  float sum[kWarpRows] = {};
  for (int i = lane * kWidth; i < p.in; i += kWarpSize * kWidth) {
    const auto weight = load<kWidth>(w + int64_t(o) * p.in + i);
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) {
      if (first + r >= p.rows) break;
      const auto value = load<kWidth>(x + (first + r) * p.x_pitch + i);
#pragma unroll
      for (int j = 0; j < kWidth; ++j) sum[r] += float(value[j]) * float(weight[j]);
    }
  }
#pragma unroll
  for (int r = 0; r < kWarpRows; ++r) {
    const float total = warp_sum(sum[r]);
    if (lane == 0 && first + r < p.rows)
      y[(first + r) * p.y_pitch + o] = T(activate(p.activation, total + (bias ? bias[o] : 0.0F)));
  }
}

template <class T>
__global__ void __launch_bounds__(ProductTile::kThreads)
    tile_kernel(LinearProblem p, const T* x, const T* w, const float* bias, T* y) {
  const Matrix<T> left{x, int(p.rows), p.in, p.x_pitch, 1}, right{w, p.out, p.in, p.in, 1};
  const int first_row = int(blockIdx.y) * ProductTile::kSide,
            first_column = int(blockIdx.x) * ProductTile::kSide;
  float sum[ProductTile::kOwn][ProductTile::kOwn] = {};
  dynamic_shared<ProductTile>()->multiply(left, right, first_row, first_column, sum);
  ProductTile::for_own(
      sum, first_row, first_column, int(p.rows), p.out, [&](int row, int o, float v) {
        y[row * p.y_pitch + o] = T(activate(p.activation, v + (bias ? bias[o] : 0.0F)));
      });
}

constexpr int64_t kMostBlocks = 65535;  // of a grid along y

bool can_run_warps(const LinearProblem& p) {
  return is_storage(p.dtype) && p.rows <= 4 * kWarpRows;
}
bool can_run_tiles(const LinearProblem& p) {
  return is_storage(p.dtype) && ceil_div(p.rows, ProductTile::kSide) <= kMostBlocks;
}

void run_warps(const LinearProblem& p, const LinearArgs& args, void*, void*, Queue queue) {
  const dim3 grid(unsigned(ceil_div(p.out, kWarps)), unsigned(ceil_div(p.rows, kWarpRows)));
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    const auto start = [&](auto width) {
      launch(warp_kernel<T, width>, grid, kWarps * kWarpSize, 0, queue, p,
             static_cast<const T*>(args.x), static_cast<const T*>(args.w),
             static_cast<const float*>(args.bias), static_cast<T*>(args.y));
    };
    if (aligned_for_vectors<T>(p.in, {p.x_pitch}, {args.x, args.w}))
      start(std::integral_constant<int, kVec<T>>{});
    else
      start(std::integral_constant<int, 1>{});
  });
}

void run_tiles(const LinearProblem& p, const LinearArgs& args, void*, void*, Queue queue) {
  const dim3 grid(unsigned(ceil_div(p.out, ProductTile::kSide)),
                  unsigned(ceil_div(p.rows, ProductTile::kSide)));
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    launch(tile_kernel<T>, grid, ProductTile::kThreads, sizeof(ProductTile), queue, p,
           static_cast<const T*>(args.x), static_cast<const T*>(args.w),
           static_cast<const float*>(args.bias), static_cast<T*>(args.y));
  });
}

}  // namespace

std::span<const LinearKernel> linear_kernels() {
  static constexpr std::array rows{
      LinearKernel{.name = "warp_8_rows", .can_run = can_run_warps, .run = run_warps},
      LinearKernel{.name = "fma_64x64x16", .can_run = can_run_tiles, .run = run_tiles}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
