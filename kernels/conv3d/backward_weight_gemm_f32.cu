// The product by float32 multiply-adds.
#include "kernels/conv3d/backward_weight_gemm.h"

namespace sf::SF_DEVICE_NS {
namespace {

using Tile128x64 = GradientShape<128, 64, 4, 1, 3>;
using Tile64x64 = GradientShape<64, 64, 2, 2, 4>;
using Tile32x64 = GradientShape<32, 64, 2, 2, 4>;

template <int kFewest, int kMost>
bool can_run(const Conv3dProblem& p) {
  return p.dtype == DType::f32 && weight_gemm_can_run<kFewest, kMost>(p);
}

template <class Shape>
void run(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args, void*, void* workspace,
         Queue queue) {
  run_backward_weight<float, Shape>(p, args, workspace, queue);
}

}  // namespace

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemmF32Tile128x64{
    .name = "gemm_f32_128x64",
    .can_run = can_run<65, kAnyNumber>,
    .workspace_bytes = workspace_bytes<Tile128x64>,
    .run = run<Tile128x64>,
    .launches = launches<Tile128x64>};
extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemmF32Tile64x64{
    .name = "gemm_f32_64x64",
    .can_run = can_run<33, 64>,
    .workspace_bytes = workspace_bytes<Tile64x64>,
    .run = run<Tile64x64>,
    .launches = launches<Tile64x64>};
extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemmF32Tile32x64{
    .name = "gemm_f32_32x64",
    .can_run = can_run<4, 32>,
    .workspace_bytes = workspace_bytes<Tile32x64>,
    .run = run<Tile32x64>,
    .launches = launches<Tile32x64>};

}  // namespace sf::SF_DEVICE_NS
