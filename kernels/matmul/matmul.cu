// A block a tile of 64 x 64 values of one matrix of the batch, the batch along z.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/base/tile_product.h"
#include "kernels/matmul/matmul.h"

namespace sf {

SF_DEVICE_TABLE(MatmulKernel, matmul_kernels)

namespace SF_DEVICE_NS {
namespace {

template <class T>
__global__ void __launch_bounds__(ProductTile::kThreads)
    matmul_kernel(MatmulProblem p, const T* a, const T* b, T* c) {
  const int64_t batch = blockIdx.z;
  const Matrix<T> left{a + batch * p.a_stride, p.m, p.k, p.transpose_a ? 1 : p.lda,
                       p.transpose_a ? p.lda : 1};
  const Matrix<T> right{b + batch * p.b_stride, p.n, p.k, p.transpose_b ? p.ldb : 1,
                        p.transpose_b ? 1 : p.ldb};
  const int first_row = int(blockIdx.y) * ProductTile::kSide,
            first_column = int(blockIdx.x) * ProductTile::kSide;
  float sum[ProductTile::kOwn][ProductTile::kOwn] = {};
  dynamic_shared<ProductTile>()->multiply(left, right, first_row, first_column, sum);
  const auto alpha = float(p.alpha);
  ProductTile::for_own(sum, first_row, first_column, p.m, p.n, [&](int row, int column, float v) {
    c[batch * p.c_stride + row * p.ldc + column] = T(v * alpha);
  });
}

// The grid has at most 65535 blocks along y and z.
bool can_run(const MatmulProblem& p) {
  constexpr int64_t kMost = 65535;
  return is_storage(p.dtype) && p.batch <= kMost && ceil_div(p.m, ProductTile::kSide) <= kMost;
}

void run(const MatmulProblem& p, const MatmulArgs& args, void*, void*, Queue queue) {
  const dim3 grid(unsigned(ceil_div(p.n, ProductTile::kSide)),
                  unsigned(ceil_div(p.m, ProductTile::kSide)), unsigned(p.batch));
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    launch(matmul_kernel<T>, grid, ProductTile::kThreads, sizeof(ProductTile), queue, p,
           static_cast<const T*>(args.a), static_cast<const T*>(args.b), static_cast<T*>(args.c));
  });
}

}  // namespace

std::span<const MatmulKernel> matmul_kernels() {
  static constexpr std::array rows{
      MatmulKernel{.name = "fma_64x64x16", .can_run = can_run, .run = run}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
