// One channel a group: one thread an output pixel and a vector of channels. A block has its
// channels' weights in shared memory, as float32, channels side by side, and some pixels.
#include "kernels/base/storage.h"
#include "kernels/conv3d/epilogue.h"
#include "kernels/conv3d/window.h"

namespace sf::SF_DEVICE_NS {

extern const Conv3dKernel kConv3dDirect;

namespace {

constexpr int kVectors = 16, kRows = 8, kThreads = kVectors * kRows;  // of channels, of pixels
constexpr int kPixels = 64;                                           // of a block
constexpr int kMaxShared = 48 << 10;

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads, 8)
    conv3d_depthwise_kernel(Windows g, int channels, const T* x, const T* w, Epilogue<T> epilogue) {
  constexpr int kChannels = kVectors * kWidth;
  constexpr int kPart = minimum(kWidth, 4), kParts = kWidth / kPart;  // that one load brings
  auto* weights = dynamic_shared<float>();                            // tap, part, vector, channel
  const int c0 = int(blockIdx.y) * kChannels, taps = g.size.t * g.size.h * g.size.w;
  for (int i = int(threadIdx.x); i < kChannels * taps; i += kThreads) {
    const int c = i / taps, tap = i % taps, part = c % kWidth / kPart;
    if (c0 + c < channels)
      store(weights + ((tap * kParts + part) * kVectors + c / kWidth) * kPart + c % kPart,
            Vec<float, 1>{{float(load<1>(w + int64_t(c0) * taps + i)[0])}});
  }
  __syncthreads();

  const int vector = int(threadIdx.x) % kVectors, c = c0 + vector * kWidth;
  if (c >= channels) return;
  for (int row = int(threadIdx.x) / kVectors; row < kPixels; row += kRows) {
    const int pixel = int(blockIdx.x) * kPixels + row;
    if (pixel >= g.pixels) return;
    const Corner corner(g, pixel);
    const float* tap = weights + vector * kPart;
    float sum[kWidth];
    epilogue.load_bias(sum, c, channels);
    for (int tap_t = 0; tap_t < g.size.t; ++tap_t)
      for (int tap_h = 0; tap_h < g.size.h; ++tap_h)
        for (int tap_w = 0; tap_w < g.size.w; ++tap_w, tap += kChannels) {
          Corner at = corner;
          at.move(tap_t * g.dilation.t, tap_h * g.dilation.h, tap_w * g.dilation.w);
          if (!at.inside(g)) continue;
          const auto values = load<kWidth>(x + at.pixel(g) * g.pitch + c);
          count_fma(kWidth);
#pragma unroll
          for (int part = 0; part < kParts; ++part) {
            const auto weight = load<kPart>(tap + part * kVectors * kPart);
#pragma unroll
            for (int i = 0; i < kPart; ++i)
              sum[part * kPart + i] += float(values[part * kPart + i]) * weight[i];
          }
        }
    epilogue.store_some_channels(pixel, c, channels, sum);
  }
}

int taps_of(const Conv3dProblem& p) { return p.kt * p.kh * p.kw; }

size_t shared_bytes(const Conv3dProblem& p, int width) {
  return size_t(taps_of(p)) * kVectors * size_t(width) * sizeof(float);
}

bool can_run(const Conv3dProblem& p) {
  return is_storage(p.dtype) && !p.sums && p.groups == p.c && p.k == p.c && p.c % 2 == 0 &&
         p.x_pitch % 2 == 0 && pixels_fit(p) && shared_bytes(p, 8) <= kMaxShared;
}

void run(const Conv3dProblem& p, const Conv3dArgs& args, void* prepared, void* workspace,
         Queue queue) {
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    const auto *x = static_cast<const T*>(args.x), *w = static_cast<const T*>(args.w);
    const Epilogue<T> epilogue(p, args, nullptr, p.k);
    const auto launch_with = [&](auto width) {
      const dim3 grid(unsigned(ceil_div(p.out_pixels(), kPixels)),
                      unsigned(ceil_div(p.c, kVectors * width)));
      launch(conv3d_depthwise_kernel<T, width>, grid, kThreads, shared_bytes(p, width), queue,
             Windows(p), p.c, x, w, epilogue);
    };
    if (aligned_for_vectors<T>(p.c, {p.x_pitch}, {x}))
      launch_with(std::integral_constant<int, kVec<T>>{});
    else if (reinterpret_cast<uintptr_t>(x) % (2 * sizeof(T)) == 0)
      launch_with(std::integral_constant<int, 2>{});
    else
      kConv3dDirect.run(p, args, prepared, workspace, queue);
  });
}

}  // namespace

extern constinit const Conv3dKernel kConv3dDepthwise{
    .name = "depthwise", .can_run = can_run, .run = run};

}  // namespace sf::SF_DEVICE_NS
