// The product on tensor cores of float32 rounded to tf32, where the problem allows that.
#include "kernels/conv3d/backward_data_gemm.h"

namespace sf::SF_DEVICE_NS {
namespace {

template <int kFewest, int kMost>
bool can_run(const Conv3dProblem& p) {
  return p.dtype == DType::f32 && p.tf32 && data_gemm_can_run<kFewest, kMost>(p);
}

template <class Shape>
void run(const Conv3dProblem& p, const Conv3dBackwardDataArgs& args, void*, void*, Queue queue) {
  run_backward_data<float, Shape>(p, args, queue);
}

}  // namespace

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataGemmTf32Tile128x128{
    .name = "gemm_tf32_128x128",
    .exact = false,
    .can_run = can_run<33, kAnyNumber>,
    .run = run<GradientShape<128, 128, 2, 4, 2, 64, true>>};
extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataGemmTf32Tile128x32{
    .name = "gemm_tf32_128x32",
    .exact = false,
    .can_run = can_run<4, 32>,
    .run = run<GradientShape<128, 32, 4, 1, 4, 64, true>>};

}  // namespace sf::SF_DEVICE_NS
