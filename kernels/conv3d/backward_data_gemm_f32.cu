// The product by float32 multiply-adds.
#include "kernels/conv3d/backward_data_gemm.h"

namespace sf::SF_DEVICE_NS {
namespace {

template <int kFewest, int kMost>
bool can_run(const Conv3dProblem& p) {
  return p.dtype == DType::f32 && data_gemm_can_run<kFewest, kMost>(p);
}

template <class Shape>
void run(const Conv3dProblem& p, const Conv3dBackwardDataArgs& args, void*, void*, Queue queue) {
  run_backward_data<float, Shape>(p, args, queue);
}

}  // namespace

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataGemmF32Tile128x64{
    .name = "gemm_f32_128x64",
    .can_run = can_run<33, kAnyNumber>,
    .run = run<GradientShape<128, 64, 4, 1, 3>>};
extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataGemmF32Tile128x32{
    .name = "gemm_f32_128x32",
    .can_run = can_run<4, 32>,
    .run = run<GradientShape<128, 32, 4, 1, 3>>};

}  // namespace sf::SF_DEVICE_NS
