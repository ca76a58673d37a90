// Sums over parts of the pixels.
#include "kernels/base/channel_tiles.h"
#include "kernels/base/storage.h"
#include "kernels/conv3d/output_sums.h"

namespace sf::SF_DEVICE_NS {
namespace {

constexpr int kThreads = 128;
// Of the second pass: neighbouring threads share a line of 128 bytes, whatever the channels, and as
// many rows of them as a block has room for share out the parts.
constexpr int kChannels = 8, kMostRows = 128;

// A thread a channel of a part.
template <class T>
__global__ void __launch_bounds__(kThreads)
    output_parts_kernel(const T* y, int64_t pitch, int64_t pixels, int channels, float* parts) {
  const int k = int(blockIdx.y) * kThreads + int(threadIdx.x);
  if (k >= channels) return;
  const int64_t first = int64_t(blockIdx.x) * kPartPixels;
  const int64_t end = minimum(first + kPartPixels, pixels);
  ChannelSums sums{.pivot = float(load<1>(y + first * pitch + k)[0])};
#pragma unroll 4
  for (int64_t i = first; i < end; ++i) sums.add(float(load<1>(y + i * pitch + k)[0]));
  sums.write(parts + (int64_t(blockIdx.x) * channels + k) * kSumsFloats);
}

__global__ void __launch_bounds__(kChannels* kMostRows)
    add_output_parts_kernel(const float* parts, int count, int channels, double pixels,
                            double* sums, double* total) {
  const int row = int(threadIdx.x) / kChannels, rows = int(blockDim.x) / kChannels;
  const int k = int(blockIdx.x) * kChannels + int(threadIdx.x) % kChannels;
  double pair[2] = {0, 0};
  if (k < channels)
    for_pixel_batches<4>(row, rows, count, [&](auto n, int i) {
      ChannelSums part[n];
#pragma unroll
      for (int j = 0; j < n; ++j)
        part[j] = ChannelSums::read(parts + (int64_t(i + j * rows) * channels + k) * kSumsFloats);
#pragma unroll
      for (int j = 0; j < n; ++j) {
        const double pivot = part[j].pivot, sum = part[j].sum, moved = part[j].pixels * pivot;
        pair[0] += sum + moved;
        pair[1] += part[j].squares + pivot * (2 * sum + moved);
      }
    });
  sum_over_rows(pair, rows, kChannels, dynamic_shared<double>());
  if (row > 0 || k >= channels) return;
  sums[k] = pair[0];
  sums[channels + k] = pair[1];
  if (k == 0) *total = pixels;
}

}  // namespace

void make_output_parts(const Conv3dProblem& p, const Conv3dArgs& args, float* parts, Queue queue) {
  const dim3 grid(unsigned(smallest_output_parts(p)), unsigned(ceil_div(p.k, kThreads)));
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    launch(output_parts_kernel<T>, grid, kThreads, 0, queue, static_cast<const T*>(args.y),
           p.y_pitch, p.out_pixels(), p.k, parts);
  });
}

void add_output_parts(const Conv3dProblem& p, const Conv3dArgs& args, const float* parts,
                      int64_t count, Queue queue) {
  const int rows = 4 * int(minimum<int64_t>(ceil_div(count, 4), kMostRows / 4));
  const int threads = kChannels * rows;
  launch(add_output_parts_kernel, ceil_div(p.k, kChannels), threads,
         2 * sizeof(double) * size_t(threads), queue, parts, int(count), p.k,
         double(p.out_pixels()), args.sums, args.count);
}

}  // namespace sf::SF_DEVICE_NS
