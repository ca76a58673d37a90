// The implicit product of float32: by float32's own multiply-adds, and on tensor cores where the
// problem allows its factors to be rounded.
#include "kernels/conv3d/implicit_gemm.h"

namespace sf::SF_DEVICE_NS {
namespace {

using Tf32Tile128x128 = GemmShape<TensorTile<float, 64, 32>, 128, 128, 4, 2>;
using Tf32Tile64x64 = GemmShape<TensorTile<float, 32, 32>, 64, 64, 4, 4>;
using Tf32Tile128x16 = GemmShape<TensorTile<float, 32, 16>, 128, 16, 4, 5>;
using FmaTile128x64 = GemmShape<FmaTile<32, 64>, 128, 64, 3, 2>;
using FmaTile64x64 = GemmShape<FmaTile<32, 32>, 64, 64, 3, 3>;
using FmaTile128x16 = GemmShape<FmaTile<32, 16>, 128, 16, 3, 4>;

bool can_run(const Conv3dProblem& p) { return gemm_can_run<float>(p); }
bool can_run_tf32(const Conv3dProblem& p) { return p.tf32 && gemm_can_run<float>(p); }

template <class Shape>
void run(const Conv3dProblem& p, const Conv3dArgs& args, void*, void* workspace, Queue queue) {
  run_gemm<float, Shape>(p, args, workspace, queue);
}

template <class Shape>
constexpr Conv3dKernel row(std::string_view name) {
  return gemm_row<Shape>(name, can_run, run<Shape>);
}
template <class Shape>
constexpr Conv3dKernel tf32_row(std::string_view name) {
  return gemm_row<Shape>(name, can_run_tf32, run<Shape>, false);
}

}  // namespace

extern constinit const Conv3dKernel kConv3dGemmTf32Tile128x128 =
    tf32_row<Tf32Tile128x128>("gemm_tf32_128x128");
extern constinit const Conv3dKernel kConv3dGemmTf32Tile64x64 =
    tf32_row<Tf32Tile64x64>("gemm_tf32_64x64");
extern constinit const Conv3dKernel kConv3dGemmTf32Tile128x16 =
    tf32_row<Tf32Tile128x16>("gemm_tf32_128x16");
extern constinit const Conv3dKernel kConv3dGemmF32Tile128x64 =
    row<FmaTile128x64>("gemm_f32_128x64");
extern constinit const Conv3dKernel kConv3dGemmF32Tile64x64 = row<FmaTile64x64>("gemm_f32_64x64");
extern constinit const Conv3dKernel kConv3dGemmF32Tile128x16 =
    row<FmaTile128x16>("gemm_f32_128x16");

namespace {

// Limits are those that were fastest on an H200 (README.md).
template <class Large>
bool fills_large(const Conv3dProblem& p) {
  const GemmGrid<Large> grid(p);
  return grid.tiles * p.groups >= kEnoughBlocks || grid.reduction(p) >= 1024;
}
const Conv3dKernel& best(const Conv3dProblem& p) {
  if (p.k / p.groups <= 32) return kConv3dGemmF32Tile128x16;
  return fills_large<FmaTile128x64>(p) ? kConv3dGemmF32Tile128x64 : kConv3dGemmF32Tile64x64;
}
const Conv3dKernel& best_tf32(const Conv3dProblem& p) {
  if (p.k / p.groups <= 32) return kConv3dGemmTf32Tile128x16;
  return p.k / p.groups > 64 && fills_large<Tf32Tile128x128>(p) ? kConv3dGemmTf32Tile128x128
                                                                : kConv3dGemmTf32Tile64x64;
}

}  // namespace

extern constinit const Conv3dKernel kConv3dGemmTf32 =
    best_row<best_tf32>(Conv3dKernel{.name = "gemm_tf32", .exact = false, .can_run = can_run_tf32});
extern constinit const Conv3dKernel kConv3dGemmF32 =
    best_row<best>(Conv3dKernel{.name = "gemm_f32", .can_run = can_run});

}  // namespace sf::SF_DEVICE_NS
