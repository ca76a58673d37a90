// The gradients of 1x1x1 convolutions with a stride. Most input pixels take no part in them: oneDNN
// works on the others alone, side by side, as a convolution without stride, for which it has its
// best kernels. dx is spread from there, with zeros between; x is gathered.
#include <cstring>

#include "kernels/base/threads.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"

namespace sf {

extern const Conv3dBackwardDataKernel kConv3dBackwardDataOneDnn;
extern const Conv3dBackwardWeightKernel kConv3dBackwardWeightOneDnn;

namespace {

// The convolution of the pixels that take part.
Conv3dProblem compact(const Conv3dProblem& p) {
  Conv3dProblem q = p;
  q.t = p.out_t(), q.h = p.out_h(), q.w = p.out_w();
  q.stride = {1, 1, 1};
  return q;
}

bool is_strided_pointwise(const Conv3dProblem& p) {
  constexpr std::array kOnes{1, 1, 1}, kZeros{0, 0, 0};
  return std::array{p.kt, p.kh, p.kw} == kOnes && p.pad == kZeros && p.stride != kOnes;
}

size_t pixel_bytes(const Conv3dProblem& p) { return size_t(p.c) * size_of(p.dtype); }

// x of the compact problem, which lies in front of the workspace of its kernel.
size_t compact_bytes(const Conv3dProblem& p) {
  return (size_t(p.out_pixels()) * pixel_bytes(p) + 63) / 64 * 64;
}

// f(pixel of x, its pixel in the compact problem, or -1) for a row of x, counted over N, T and H.
template <class F>
void for_row(const Conv3dProblem& p, int64_t row, const F& f) {
  const int64_t n = row / p.h / p.t, t = row / p.h % p.t, h = row % p.h;
  const bool hit = t % p.stride[0] == 0 && h % p.stride[1] == 0;
  const int64_t compact_row = (n * p.out_t() + t / p.stride[0]) * p.out_h() + h / p.stride[1];
  for (int64_t w = 0; w < p.w; ++w)
    f(row * p.w + w, hit && w % p.stride[2] == 0 ? compact_row * p.out_w() + w / p.stride[2] : -1);
}

template <class F>
void for_pixels(const Conv3dProblem& p, const F& f) {
  parallel_for(int64_t{p.n} * p.t * p.h, 1, [&](int64_t row) { for_row(p, row, f); });
}

bool can_run_data(const Conv3dProblem& p) {
  return is_strided_pointwise(p) && kConv3dBackwardDataOneDnn.can_run(compact(p));
}
bool can_run_weight(const Conv3dProblem& p) {
  return is_strided_pointwise(p) && kConv3dBackwardWeightOneDnn.can_run(compact(p));
}

template <const auto& kInner>
std::shared_ptr<void> prepare(const Conv3dProblem& p) {
  return kInner.prepare(compact(p));
}
template <const auto& kInner>
size_t workspace_bytes(const Conv3dProblem& p, void* prepared) {
  return compact_bytes(p) + kInner.workspace_bytes(compact(p), prepared);
}

size_t packed_bytes(const Conv3dProblem& p, void* prepared) {
  return kConv3dBackwardDataOneDnn.packed_bytes(compact(p), prepared);
}
void pack(const Conv3dProblem& p, const void* weights, void* packed, void* prepared) {
  kConv3dBackwardDataOneDnn.pack(compact(p), weights, packed, prepared);
}

void run_data(const Conv3dProblem& p, const Conv3dBackwardDataArgs& a, void* prepared,
              void* workspace, Queue queue) {
  auto* from = static_cast<std::byte*>(workspace);
  void* rest = from + compact_bytes(p);
  kConv3dBackwardDataOneDnn.run(compact(p), {.dy = a.dy, .w = a.w, .dx = from}, prepared, rest,
                                queue);
  for_pixels(p, [&, bytes = pixel_bytes(p)](int64_t pixel, int64_t compact_pixel) {
    std::byte* dx = static_cast<std::byte*>(a.dx) + size_t(pixel) * bytes;
    if (compact_pixel < 0)
      std::memset(dx, 0, bytes);
    else
      std::memcpy(dx, from + size_t(compact_pixel) * bytes, bytes);
  });
}

void run_weight(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& a, void* prepared,
                void* workspace, Queue queue) {
  auto* to = static_cast<std::byte*>(workspace);
  void* rest = to + compact_bytes(p);
  const auto* x = static_cast<const std::byte*>(a.x);
  for_pixels(p, [&, bytes = pixel_bytes(p)](int64_t pixel, int64_t compact_pixel) {
    if (compact_pixel >= 0)
      std::memcpy(to + size_t(compact_pixel) * bytes, x + size_t(pixel) * bytes, bytes);
  });
  kConv3dBackwardWeightOneDnn.run(compact(p), {.x = to, .dy = a.dy, .dw = a.dw, .dbias = a.dbias},
                                  prepared, rest, queue);
}

}  // namespace

extern constinit const Conv3dBackwardDataKernel kConv3dBackwardDataStridedPointwise{
    .name = "onednn_strided_pointwise",
    .can_run = can_run_data,
    .prepare = prepare<kConv3dBackwardDataOneDnn>,
    .workspace_bytes = workspace_bytes<kConv3dBackwardDataOneDnn>,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .run = run_data};

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightStridedPointwise{
    .name = "onednn_strided_pointwise",
    .can_run = can_run_weight,
    .prepare = prepare<kConv3dBackwardWeightOneDnn>,
    .workspace_bytes = workspace_bytes<kConv3dBackwardWeightOneDnn>,
    .run = run_weight};

}  // namespace sf
