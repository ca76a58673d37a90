// The product on tensor cores, for bf16 and f16.
#include "kernels/conv3d/backward_weight_gemm.h"

namespace sf::SF_DEVICE_NS {
namespace {

using Tile128x128 = GradientShape<128, 128, 2, 4, 2, 128>;
using Tile64x64 = GradientShape<64, 64, 2, 2, 4, 128>;
using Tile16x64 = GradientShape<16, 64, 1, 4, 4>;

template <int kFewest, int kMost>
bool can_run(const Conv3dProblem& p) {
  return is_half(p.dtype) && weight_gemm_can_run<kFewest, kMost>(p);
}

template <class Shape>
void run(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args, void*, void* workspace,
         Queue queue) {
  if (p.dtype == DType::bf16)
    run_backward_weight<bf16, Shape>(p, args, workspace, queue);
  else
    run_backward_weight<f16, Shape>(p, args, workspace, queue);
}

}  // namespace

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemm128x128{
    .name = "gemm_128x128",
    .can_run = can_run<65, kAnyNumber>,
    .workspace_bytes = workspace_bytes<Tile128x128>,
    .run = run<Tile128x128>,
    .launches = launches<Tile128x128>};
extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemm64x64{
    .name = "gemm_64x64",
    .can_run = can_run<17, kAnyNumber>,
    .workspace_bytes = workspace_bytes<Tile64x64>,
    .run = run<Tile64x64>,
    .launches = launches<Tile64x64>};
extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemm16x64{
    .name = "gemm_16x64",
    .can_run = can_run<4, 16>,
    .workspace_bytes = workspace_bytes<Tile16x64>,
    .run = run<Tile16x64>,
    .launches = launches<Tile16x64>};

namespace {

// The larger tile but for few weights: what was fastest on an H200 (README.md).
const Conv3dBackwardWeightKernel& best(const Conv3dProblem& p) {
  const int out = p.k / p.groups, row = p.kt * p.kh * p.kw * (p.c / p.groups);
  if (out <= 16) return kConv3dBackwardWeightGemm16x64;
  return out > 64 && row > 256 ? kConv3dBackwardWeightGemm128x128 : kConv3dBackwardWeightGemm64x64;
}

}  // namespace

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightGemm =
    best_row<best>(Conv3dBackwardWeightKernel{.name = "gemm", .can_run = can_run<4, kAnyNumber>});

}  // namespace sf::SF_DEVICE_NS
