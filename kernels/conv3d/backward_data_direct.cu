// The obvious kernel: one thread a value of dx, the sum over window positions and output channels
// in their order. Any sizes, pitches and groups.
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/geometry.h"

namespace sf::SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;

// Adds dy w over the output channels of one output pixel; w begins at the tap and the channel.
template <class T>
SF_DEVICE float add_outputs(float sum, const T* dy, const T* w, int outputs, int64_t w_pitch) {
#pragma unroll 2
  for (int k = 0; k < outputs; ++k)
    sum += float(load<1>(dy + k)[0]) * float(load<1>(w + k * w_pitch)[0]);
  return sum;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    backward_data_kernel(ConvGeometry g, const T* dy, const T* w, T* dx) {
  const int64_t value = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t pixel = value / g.c;
  if (pixel >= g.in_pixels()) return;
  const ConvPixel in = ConvPixel::of_input(g, pixel);
  const int c = int(value % g.c), channels = g.c / g.groups, outputs = g.k / g.groups;
  const int first = c / channels * outputs;
  const int64_t w_pitch = int64_t(g.taps()) * channels;
  w += first * w_pitch + c % channels;
  float sum = 0;
  for (int i = 0; i < g.t.taps; ++i) {
    const int t = g.t.output_of(in.t, i);
    if (t < 0) continue;
    for (int j = 0; j < g.h.taps; ++j) {
      const int h = g.h.output_of(in.h, j);
      if (h < 0) continue;
      for (int l = 0; l < g.w.taps; ++l) {
        const int x = g.w.output_of(in.w, l);
        if (x < 0) continue;
        const int64_t out = ((int64_t(in.n) * g.t.out + t) * g.h.out + h) * g.w.out + x;
        const int tap = (i * g.h.taps + j) * g.w.taps + l;
        sum = add_outputs(sum, dy + out * g.y_pitch + first, w + int64_t(tap) * channels, outputs,
                          w_pitch);
      }
    }
  }
  store(dx + pixel * g.x_pitch + c, Vec<T, 1>{{T(sum)}});
}

bool can_run(const Conv3dProblem& p) { return is_storage(p.dtype) && ConvGeometry::fits(p); }

void run(const Conv3dProblem& p, const Conv3dBackwardDataArgs& args, void*, void*, Queue queue) {
  const ConvGeometry g(p);
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    launch(backward_data_kernel<T>, ceil_div(g.in_pixels() * g.c, kThreads), kThreads, 0, queue, g,
           static_cast<const T*>(args.dy), static_cast<const T*>(args.w), static_cast<T*>(args.dx));
  });
}

}  // namespace

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataDirect{
    .name = "direct", .can_run = can_run, .run = run};

}  // namespace sf::SF_DEVICE_NS
