// Gradients of the bias, and the second pass of sums over pixels.
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/conv3d/pixel_parts.h"

namespace sf::SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;

// Adds what the block's threads hold of the same sum, every kThreads / sequences-th; the result is
// the first of them's.
SF_DEVICE float add_sequences(float sum, int sequences) {
  auto* sums = dynamic_shared<float>();
  const int thread = int(threadIdx.x), together = kThreads / sequences;
  store(sums + thread, Vec<float, 1>{{sum}});
  __syncthreads();
  if (thread < together)
    for (int i = 1; i < sequences; ++i) sum += load<1>(sums + i * together + thread)[0];
  return sum;
}

// A warp's lanes are neighbouring channels, its place in the block one of 8 sequences of pixels.
template <class T>
__global__ void __launch_bounds__(kThreads)
    add_pixels_kernel(const T* dy, int64_t y_pitch, int channels, int64_t out_pixels,
                      PixelParts parts, float* dbias, int64_t pitch) {
  constexpr int kWarps = kThreads / kWarpSize;
  const int lane = int(threadIdx.x) % kWarpSize, warp = int(threadIdx.x) / kWarpSize;
  const int k = int(blockIdx.x) * kWarpSize + lane;
  const int64_t begin = blockIdx.y * parts.pixels;
  const int64_t end = minimum(begin + parts.pixels, out_pixels);
  float sum = 0;
  if (k < channels)
    for (int64_t o = begin + warp; o < end; o += kWarps) sum += load<1>(dy + o * y_pitch + k)[0];
  sum = add_sequences(sum, kWarps);
  if (warp > 0 || k >= channels) return;
  store(dbias + blockIdx.y * pitch + k, Vec<float, 1>{{sum}});
}

// Neighbouring threads are neighbouring gradients, `sequences` of a block's threads the same one.
__global__ void __launch_bounds__(kThreads)
    add_parts_kernel(const float* sums, int parts, int sequences, int64_t dw_values, int64_t values,
                     float* dw, float* dbias) {
  const int together = kThreads / sequences;
  const int sequence = int(threadIdx.x) / together;
  const int64_t i = int64_t(blockIdx.x) * together + int(threadIdx.x) % together;
  float sum = 0;
  if (i < values)
#pragma unroll 4
    for (int part = sequence; part < parts; part += sequences)
      sum += load<1>(sums + part * values + i)[0];
  sum = add_sequences(sum, sequences);
  if (sequence == 0 && i < values)
    store(i < dw_values ? dw + i : dbias + (i - dw_values), Vec<float, 1>{{sum}});
}

}  // namespace

void add_pixels(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args,
                const PixelParts& parts, const PartialSums& sums, Queue queue) {
  const dim3 grid(unsigned(ceil_div(p.k, kWarpSize)), unsigned(parts.count));
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    launch(add_pixels_kernel<T>, grid, kThreads, kThreads * sizeof(float), queue,
           static_cast<const T*>(args.dy), p.y_pitch, p.k, p.out_pixels(), parts, sums.dbias,
           sums.pitch);
  });
}

void add_parts(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args,
               const PixelParts& parts, const void* workspace, Queue queue) {
  if (parts.count == 1) return;
  const int64_t values = dw_values(p) + (p.bias ? p.k : 0);
  // A thread waits for a few loads at a time, so hundreds of parts are shared out.
  const int sequences = parts.count < 32 ? 1 : 8;
  launch(add_parts_kernel, ceil_div(values, kThreads / sequences), kThreads,
         kThreads * sizeof(float), queue, static_cast<const float*>(workspace), parts.count,
         sequences, dw_values(p), values, static_cast<float*>(args.dw),
         static_cast<float*>(args.dbias));
}

}  // namespace sf::SF_DEVICE_NS
