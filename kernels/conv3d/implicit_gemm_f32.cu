// The implicit product of float32: by float32's own multiply-adds, and on tensor cores where the
// problem allows its factors to be rounded.
#include "kernels/conv3d/implicit_gemm.h"

namespace sf::SF_DEVICE_NS {

extern const Conv3dKernel kConv3dDirect;

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
void run(const Conv3dProblem& p, const Conv3dArgs& args, void* prepared, void* workspace,
         Queue queue) {
  if (!aligned_for_copies(args)) return kConv3dDirect.run(p, args, prepared, workspace, queue);
  run_gemm<float, Shape>(p, args, workspace, queue);
}

template <class Narrow, class Small, class Large>
void run_best(const Conv3dProblem& p, const Conv3dArgs& args, void* prepared, void* workspace,
              Queue queue) {
  decltype(Conv3dKernel::run) best = run<Small>;
  if (p.k / p.groups <= 16)
    best = run<Narrow>;
  else if (gemm_blocks<Large>(p) >= kEnoughBlocks)
    best = run<Large>;
  best(p, args, prepared, workspace, queue);
}

}  // namespace

extern constinit const Conv3dKernel kConv3dGemmTf32{
    .name = "gemm_tf32",
    .exact = false,
    .can_run = can_run_tf32,
    .workspace_bytes = gemm_workspace_bytes,
    .run = run_best<Tf32Tile128x16, Tf32Tile64x64, Tf32Tile128x128>,
    .launches = gathering_launches};
extern constinit const Conv3dKernel kConv3dGemmTf32Tile128x128{
    .name = "gemm_tf32_128x128",
    .exact = false,
    .can_run = can_run_tf32,
    .workspace_bytes = gemm_workspace_bytes,
    .run = run<Tf32Tile128x128>,
    .launches = gathering_launches};
extern constinit const Conv3dKernel kConv3dGemmF32{
    .name = "gemm_f32",
    .can_run = can_run,
    .workspace_bytes = gemm_workspace_bytes,
    .run = run_best<FmaTile128x16, FmaTile64x64, FmaTile128x64>,
    .launches = gathering_launches};
extern constinit const Conv3dKernel kConv3dGemmF32Tile128x64{
    .name = "gemm_f32_128x64",
    .can_run = can_run,
    .workspace_bytes = gemm_workspace_bytes,
    .run = run<FmaTile128x64>,
    .launches = gathering_launches};

}  // namespace sf::SF_DEVICE_NS
