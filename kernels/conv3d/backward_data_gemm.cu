// The product on tensor cores, for bf16 and f16.
#include "kernels/conv3d/backward_data_gemm.h"

namespace sf::SF_DEVICE_NS {
namespace {

template <int kFewest, int kMost>
bool can_run(const Conv3dProblem& p) {
  return is_half(p.dtype) && data_gemm_can_run<kFewest, kMost>(p);
}

template <class Shape>
void run(const Conv3dProblem& p, const Conv3dBackwardDataArgs& args, void*, void*, Queue queue) {
  if (p.dtype == DType::bf16)
    run_backward_data<bf16, Shape>(p, args, queue);
  else
    run_backward_data<f16, Shape>(p, args, queue);
}

}  // namespace

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataGemm128x128{
    .name = "gemm_128x128",
    .can_run = can_run<65, kAnyNumber>,
    .run = run<GradientShape<128, 128, 2, 4, 2>>};
extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataGemm64x64{
    .name = "gemm_64x64",
    .can_run = can_run<33, kAnyNumber>,
    .run = run<GradientShape<64, 64, 2, 2, 3, 128>>};
extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataGemm128x32{
    .name = "gemm_128x32", .can_run = can_run<17, 32>, .run = run<GradientShape<128, 32, 4, 1, 4>>};
// Layers with few input channels have few output channels: a shorter slice of the reduction.
extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataGemm128x16{
    .name = "gemm_128x16",
    .can_run = can_run<4, 16>,
    .run = run<GradientShape<128, 16, 4, 1, 4, 32>>};

namespace {

// The larger tile where there are enough to go round: what was fastest on an H200 (README.md).
const Conv3dBackwardDataKernel& best(const Conv3dProblem& p) {
  const int in = p.c / p.groups;
  if (in <= 16) return kConv3dBackwardDataGemm128x16;
  if (in <= 32) return kConv3dBackwardDataGemm128x32;
  const int64_t large =
      ceil_div(int64_t{p.n} * p.t * p.h * p.w, 128) * ceil_div(in, 128) * p.groups;
  return in > 64 && large >= 200 ? kConv3dBackwardDataGemm128x128 : kConv3dBackwardDataGemm64x64;
}

}  // namespace

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataGemm =
    best_row<best>(Conv3dBackwardDataKernel{.name = "gemm", .can_run = can_run<4, kAnyNumber>});

}  // namespace sf::SF_DEVICE_NS
