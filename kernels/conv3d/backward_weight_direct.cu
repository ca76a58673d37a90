// The obvious kernel: one thread a value of dw and part of the pixels, which it adds in
// their order. Output channels are what differs between neighbouring threads: dy is read in whole
// lines then, x by all of them alike, in depthwise convolutions in whole lines too. Any sizes,
// pitches and groups.
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/conv3d/geometry.h"
#include "kernels/conv3d/pixel_parts.h"

namespace sf::SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;
constexpr int kPartPixels = 64;  // at least, lest the second pass costs more than the first
constexpr int64_t kWantedThreads = int64_t{132} * 2048;  // what an H100 holds at a time

// x, at one channel, where the output pixel sees it at the window position; 0 in the padding.
template <class T>
SF_DEVICE float input_at(const ConvGeometry& g, const T* x, const ConvPixel& out, int i, int j,
                         int l) {
  const int t = g.t.input_of(out.t, i), h = g.h.input_of(out.h, j), w = g.w.input_of(out.w, l);
  if (!g.t.has_input(t) || !g.h.has_input(h) || !g.w.has_input(w)) return 0;
  const int64_t in = ((int64_t(out.n) * g.t.in + t) * g.h.in + h) * g.w.in + w;
  return load<1>(x + in * g.x_pitch)[0];
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    backward_weight_kernel(ConvGeometry g, const T* x, const T* dy, PixelParts parts,
                           PartialSums sums) {
  const int64_t value = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const int channels = g.c / g.groups, k = int(value % g.k);
  const int64_t weights = int64_t(g.taps()) * channels, weight = value / g.k;
  if (weight >= weights) return;
  const int64_t begin = blockIdx.y * parts.pixels;
  const int64_t end = minimum(begin + parts.pixels, g.out_pixels());
  dy += k;
  const int tap = int(weight / channels);
  const int i = tap / g.w.taps / g.h.taps, j = tap / g.w.taps % g.h.taps, l = tap % g.w.taps;
  x += k / (g.k / g.groups) * channels + weight % channels;
  float sum = 0;
  ConvPixel out = ConvPixel::of_output(g, begin);
  for (int64_t o = begin; o < end; ++o, out.next_output(g))
    sum += float(load<1>(dy + o * g.y_pitch)[0]) * input_at(g, x, out, i, j, l);
  store(sums.dw + blockIdx.y * sums.pitch + k * weights + weight, Vec<float, 1>{{sum}});
}

PixelParts parts_of(const Conv3dProblem& p) {
  return pixel_parts(p.out_pixels(), kWantedThreads / dw_values(p), kPartPixels);
}

bool can_run(const Conv3dProblem& p) { return is_storage(p.dtype) && ConvGeometry::fits(p); }

size_t workspace_bytes(const Conv3dProblem& p, void*) { return workspace_of(p, parts_of(p)); }

int launches(const Conv3dProblem& p) { return launches_of(p, parts_of(p)); }

void run(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args, void*, void* workspace,
         Queue queue) {
  const PixelParts parts = parts_of(p);
  const dim3 grid(unsigned(ceil_div(dw_values(p), kThreads)), unsigned(parts.count));
  const PartialSums sums(p, args, parts, workspace);
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    launch(backward_weight_kernel<T>, grid, kThreads, 0, queue, ConvGeometry(p),
           static_cast<const T*>(args.x), static_cast<const T*>(args.dy), parts, sums);
  });
  if (p.bias) add_pixels(p, args, parts, sums, queue);
  add_parts(p, args, parts, workspace, queue);
}

}  // namespace

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightDirect{
    .name = "direct",
    .can_run = can_run,
    .workspace_bytes = workspace_bytes,
    .run = run,
    .launches = launches};

}  // namespace sf::SF_DEVICE_NS
