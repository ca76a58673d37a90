// A block some rows of one frame, a thread a pixel at a time. Normalised values come from a table
// in shared memory; where pixels lie without gaps a row is put together there and leaves as
// vectors.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/resample/resample.h"
#include "kernels/resample/taps.h"

namespace sf {

SF_DEVICE_TABLE(ResampleKernel, resample_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;
constexpr int kRows = 8;  // of a block, which share a table
constexpr int kTable = 3 * 256;
constexpr size_t kMostShared = size_t{40} << 10;

template <class T>
size_t shared_bytes(const ResampleProblem& p, bool staged) {
  return kTable * sizeof(float) + (staged ? size_t(3 * p.out_width) * sizeof(T) : 0);
}

template <class T, bool kStaged>
__global__ void __launch_bounds__(kThreads) resample_kernel(ResampleProblem p, ResampleArgs a) {
  float* table = dynamic_shared<float>();
  T* staged = reinterpret_cast<T*>(table + kTable);
#pragma unroll
  for (int c = 0; c < 3; ++c)
    table[256 * c + int(threadIdx.x)] = normalised(int(threadIdx.x), p.mean[c], p.std[c]);
  __syncthreads();

  const int frame = int(blockIdx.y), first = int(blockIdx.x) * kRows;
  const int last = minimum(first + kRows, p.out_height);
  const uint8_t* picture = a.x + (a.frame ? a.frame[frame] : frame) * p.frame_bytes;
  for (int i = first; i < last; ++i) {
    const PixelPair v = neighbours(p.in_height, p.height, p.top + i);
    T* y = static_cast<T*>(a.y) + (int64_t{frame} * p.out_height + i) * p.out_width * p.y_pitch;
    for (int j = int(threadIdx.x); j < p.out_width; j += kThreads) {
      const int column = p.mirror ? p.out_width - 1 - j : j;
      const PixelPair h = neighbours(p.in_width, p.width, p.left + column);
      T* to = kStaged ? staged + 3 * j : y + j * p.y_pitch;
      for (int c = 0; c < 3; ++c)
        to[p.reverse_channels ? 2 - c : c] = T(blended(v, h, [&](int row, int x) {
          return table[256 * c + picture[row * p.row_bytes + 3 * x + c]];
        }));
    }
    if constexpr (kStaged) {
      constexpr int kWidth = kVec<T>;
      __syncthreads();
      for (int k = int(threadIdx.x) * kWidth; k < 3 * p.out_width; k += kThreads * kWidth)
        store(y + k, load<kWidth>(staged + k));
      __syncthreads();
    }
  }
}

// The grid has at most 65535 blocks along y.
bool can_run(const ResampleProblem& p) { return is_storage(p.dtype) && p.frames <= 65535; }

void run(const ResampleProblem& p, const ResampleArgs& a, void*, void*, Queue queue) {
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    const dim3 grid(unsigned(ceil_div(p.out_height, kRows)), unsigned(p.frames));
    const bool staged = p.y_pitch == 3 && shared_bytes<T>(p, true) <= kMostShared &&
                        aligned_for_vectors<T>(int64_t{3} * p.out_width, {}, {a.y});
    launch(staged ? resample_kernel<T, true> : resample_kernel<T, false>, grid, kThreads,
           shared_bytes<T>(p, staged), queue, p, a);
  });
}

}  // namespace

std::span<const ResampleKernel> resample_kernels() {
  static constexpr std::array rows{
      ResampleKernel{.name = "pixels", .can_run = can_run, .run = run}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
