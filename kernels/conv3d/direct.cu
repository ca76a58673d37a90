// One thread an output pixel and a vector of its channels: any sizes, groups and pitches.
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/conv3d/epilogue.h"
#include "kernels/conv3d/window.h"

namespace sf::SF_DEVICE_NS {
namespace {

constexpr int kThreads = 128;

// Sizes of one group's share of the channels.
struct Channels {
  int in, out, all_out;
};

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    conv3d_direct_kernel(Windows g, Channels channels, const T* x, const T* w,
                         Epilogue<T> epilogue) {
  const int vectors = channels.all_out / kWidth;
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const int pixel = int(i / vectors), k = int(i % vectors) * kWidth;
  if (pixel >= g.pixels) return;

  const Corner corner(g, pixel);
  x += k / channels.out * channels.in;
  const int64_t row = int64_t(g.size.t) * g.size.h * g.size.w * channels.in;
  w += k * row;
  float sum[kWidth];
  epilogue.load_bias(sum, k, channels.all_out);
  for (int tap_t = 0; tap_t < g.size.t; ++tap_t)
    for (int tap_h = 0; tap_h < g.size.h; ++tap_h)
      for (int tap_w = 0; tap_w < g.size.w; ++tap_w, w += channels.in) {
        Corner at = corner;
        at.move(tap_t * g.dilation.t, tap_h * g.dilation.h, tap_w * g.dilation.w);
        if (!at.inside(g)) continue;
        const T* from = x + at.pixel(g) * g.pitch;
        for (int c = 0; c < channels.in; ++c) {
          const float value = load<1>(from + c)[0];
          count_fma(kWidth);
#pragma unroll
          for (int j = 0; j < kWidth; ++j) sum[j] += value * float(load<1>(w + j * row + c)[0]);
        }
      }
  epilogue.store_channels(pixel, k, sum);
}

template <class T>
void run_as(const Conv3dProblem& p, const Conv3dArgs& args, Queue queue) {
  const Channels channels{p.c / p.groups, p.k / p.groups, p.k};
  const Epilogue<T> epilogue(p, args);
  const auto launch_with = [&](auto width) {
    const int64_t threads = p.out_pixels() * (p.k / width);
    launch(conv3d_direct_kernel<T, width>, ceil_div(threads, kThreads), kThreads, 0, queue,
           Windows(p), channels, static_cast<const T*>(args.x), static_cast<const T*>(args.w),
           epilogue);
  };
  if (epilogue.vectors && channels.out % kVec<T> == 0)
    launch_with(std::integral_constant<int, kVec<T>>{});
  else
    launch_with(std::integral_constant<int, 1>{});
}

size_t workspace_bytes(const Conv3dProblem& p, void*) {
  return output_parts_bytes(p, smallest_output_parts(p));
}

// The sums over y are a second pass over it.
void run(const Conv3dProblem& p, const Conv3dArgs& args, void*, void* workspace, Queue queue) {
  with_storage(p.dtype, [&](auto t) { run_as<decltype(t)>(p, args, queue); });
  if (!p.sums) return;
  auto* parts = static_cast<float*>(workspace);
  make_output_parts(p, args, parts, queue);
  add_output_parts(p, args, parts, smallest_output_parts(p), queue);
}

bool can_run(const Conv3dProblem& p) { return is_storage(p.dtype) && pixels_fit(p); }

}  // namespace

extern constinit const Conv3dKernel kConv3dDirect{
    .name = "direct",
    .can_run = can_run,
    .workspace_bytes = workspace_bytes,
    .run = run,
    .launches = [](const Conv3dProblem& p) { return p.sums ? 3 : 1; }};

}  // namespace sf::SF_DEVICE_NS
