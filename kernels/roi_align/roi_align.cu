// A thread has a vector of channels: of a bin forward, of a pixel backward, where it collects from
// the bins that sampled the pixel, so that no two threads write to one place.
#include <array>

#include "kernels/base/device_table.h"
#include "kernels/roi_align/backward.h"
#include "kernels/roi_align/weights_kernel.h"

namespace sf {

SF_DEVICE_TABLE(RoiAlignKernel, roi_align_kernels)
SF_DEVICE_TABLE(RoiAlignBackwardKernel, roi_align_backward_kernels)

namespace SF_DEVICE_NS {
namespace {

constexpr int kThreads = 256;
// On a multiprocessor at least: with 4, of 64 registers, ptxas spills.
[[maybe_unused]] constexpr int kBlocks = 3;

template <class T, int kWidth>
SF_DEVICE void add_weighted(float (&sums)[kWidth], float weight, const T* from) {
  const auto v = load<kWidth>(from);
#pragma unroll
  for (int k = 0; k < kWidth; ++k) sums[k] += weight * float(v[k]);
}

template <class T, int kWidth>
SF_DEVICE void store_sums(const float (&sums)[kWidth], T* to) {
  Vec<T, kWidth> v;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) v[k] = T(sums[k]);
  store(to, v);
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads, kBlocks)
    bin_kernel(RoiAlignProblem p, unsigned count, void* workspace, const T* x, T* y) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x, vectors = unsigned(p.c / kWidth);
  if (i >= count) return;
  const unsigned bin = i / vectors, bins = unsigned(p.bins);
  const int c = int(i % vectors) * kWidth;
  float sums[kWidth] = {};
  for_pixels_of_bin(
      p, RoiWeights(p, workspace), int(bin / bins / bins), int(bin / bins % bins), int(bin % bins),
      [&](int64_t pixel, float weight) { add_weighted(sums, weight, x + pixel * p.x_pitch + c); });
  store_sums(sums, y + int64_t{bin} * p.y_pitch + c);
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kThreads, kBlocks)
    collect_kernel(RoiAlignProblem p, unsigned count, void* workspace, const T* dy, T* dx) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x, vectors = unsigned(p.c / kWidth);
  if (i >= count) return;
  const int64_t pixel = i / vectors;
  const int c = int(i % vectors) * kWidth;
  float sums[kWidth] = {};
  for_bins_of_pixel(p, RoiWeights(p, workspace), pixel, [&](int64_t bin, float weight) {
    add_weighted(sums, weight, dy + bin * p.y_pitch + c);
  });
  store_sums(sums, dx + pixel * p.x_pitch + c);
}

int64_t out_pixels(const RoiAlignProblem& p) { return int64_t{p.boxes} * p.bins * p.bins; }
int64_t in_pixels(const RoiAlignProblem& p) { return int64_t{p.n} * p.h * p.w; }

bool can_run(const RoiAlignProblem& p) {
  constexpr int64_t kMost = int64_t{1} << 31;
  return is_storage(p.dtype) && out_pixels(p) * p.c < kMost && in_pixels(p) * p.c < kMost;
}

size_t workspace_bytes(const RoiAlignProblem& p, void*) { return RoiWeights::bytes(p); }
int launches(const RoiAlignProblem&) { return 2; }

void run(const RoiAlignProblem& p, const RoiAlignArgs& a, void*, void* workspace, Queue queue) {
  fill_weights(p, a.boxes, workspace, queue);
  with_vectors(p.dtype, p.c, {p.x_pitch, p.y_pitch}, {a.x, a.y}, [&](auto t, auto width) {
    using T = decltype(t);
    const int64_t count = out_pixels(p) * (p.c / width);
    launch(bin_kernel<T, width>, ceil_div(count, kThreads), kThreads, 0, queue, p, count, workspace,
           static_cast<const T*>(a.x), static_cast<T*>(a.y));
  });
}

void run_backward(const RoiAlignProblem& p, const RoiAlignBackwardArgs& a, void*, void* workspace,
                  Queue queue) {
  fill_weights(p, a.boxes, workspace, queue);
  with_vectors(p.dtype, p.c, {p.x_pitch, p.y_pitch}, {a.dy, a.dx}, [&](auto t, auto width) {
    using T = decltype(t);
    const int64_t count = in_pixels(p) * (p.c / width);
    launch(collect_kernel<T, width>, ceil_div(count, kThreads), kThreads, 0, queue, p, count,
           workspace, static_cast<const T*>(a.dy), static_cast<T*>(a.dx));
  });
}

}  // namespace

std::span<const RoiAlignKernel> roi_align_kernels() {
  static constexpr std::array rows{RoiAlignKernel{.name = "vectors",
                                                  .can_run = can_run,
                                                  .workspace_bytes = workspace_bytes,
                                                  .run = run,
                                                  .launches = launches}};
  return rows;
}

std::span<const RoiAlignBackwardKernel> roi_align_backward_kernels() {
  static constexpr std::array rows{RoiAlignBackwardKernel{.name = "vectors",
                                                          .can_run = can_run,
                                                          .workspace_bytes = workspace_bytes,
                                                          .run = run_backward,
                                                          .launches = launches}};
  return rows;
}

}  // namespace SF_DEVICE_NS
}  // namespace sf
