// The second pass: one thread a gradient.
#include "kernels/base/launch.h"
#include "kernels/conv3d/pixel_parts.h"

namespace sf::SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    add_parts_kernel(const float* sums, int parts, int64_t dw_values, int64_t values, float* dw,
                     float* dbias) {
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= values) return;
  float sum = load<1>(sums + i)[0];
#pragma unroll 4
  for (int part = 1; part < parts; ++part) sum += load<1>(sums + part * values + i)[0];
  store(i < dw_values ? dw + i : dbias + (i - dw_values), Vec<float, 1>{{sum}});
}

}  // namespace

void add_parts(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args,
               const PixelParts& parts, const void* workspace, Queue queue) {
  if (parts.count == 1) return;
  const int64_t values = dw_values(p) + (p.bias ? p.k : 0);
  launch(add_parts_kernel, ceil_div(values, kThreads), kThreads, 0, queue,
         static_cast<const float*>(workspace), parts.count, dw_values(p), values,
         static_cast<float*>(args.dw), static_cast<float*>(args.dbias));
}

}  // namespace sf::SF_DEVICE_NS
