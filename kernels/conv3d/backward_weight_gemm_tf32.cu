// The product on tensor cores of float32 rounded to tf32, where the problem allows that.
#include "kernels/conv3d/backward_weight_gemm.h"

namespace sf::SF_DEVICE_NS {
namespace {

using Tile128x128 = GradientShape<128, 128, 2, 4, 2, 64, true>;
using Tile64x64 = GradientShape<64, 64, 2, 2, 4, 64, true>;

template <int kFewest, int kMost>
bool can_run(const Conv3dProblem& p) {
  return p.dtype == DType::f32 && p.tf32 && weight_gemm_can_run<kFewest, kMost>(p);
}

template <class Shape>
void run(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args, void*, void* workspace,
         Queue queue) {
  run_backward_weight<float, Shape>(p, args, workspace, queue);
}

}  // namespace

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemmTf32Tile128x128{
    .name = "gemm_tf32_128x128",
    .exact = false,
    .can_run = can_run<65, kAnyNumber>,
    .workspace_bytes = workspace_bytes<Tile128x128>,
    .run = run<Tile128x128>,
    .launches = launches<Tile128x128>};
extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemmTf32Tile64x64{
    .name = "gemm_tf32_64x64",
    .exact = false,
    .can_run = can_run<4, 64>,
    .workspace_bytes = workspace_bytes<Tile64x64>,
    .run = run<Tile64x64>,
    .launches = launches<Tile64x64>};

}  // namespace sf::SF_DEVICE_NS
