// The gradient by weight as a product of matrices that are never written out: output channels x
// output pixels times output pixels x (taps, input channels). The pixels are shared out over parts
// of the grid until it fills a GPU.
#pragma once

#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/conv3d/best_row.h"
#include "kernels/conv3d/geometry.h"
#include "kernels/conv3d/gradient_product.h"
#include "kernels/conv3d/pixel_parts.h"

namespace sf::SF_DEVICE_NS {

// WeightChannels of one group, and the tiles of what the weights' rows hold.
struct WeightChannels {
  int in, out, row, row_tiles;
};

// What an output pixel sees at the first tap, which may be in the padding; or what a tap is away.
struct alignas(16) InputPlace {
  int pixel, t, h, w;

  SF_DEVICE static InputPlace first_tap(const ConvGeometry& g, int out, int end) {
    constexpr int kNowhere = -(1 << 30);
    if (out >= end) return {0, kNowhere, kNowhere, kNowhere};
    const ConvPixel o = ConvPixel::split(out, g.t.out, g.h.out, g.w.out);
    return at(g, o.n, g.t.input_of(o.t, 0), g.h.input_of(o.h, 0), g.w.input_of(o.w, 0));
  }
  SF_DEVICE static InputPlace of_tap(const ConvGeometry& g, int tap) {
    return at(g, 0, tap / g.w.taps / g.h.taps * g.t.dilation,
              tap / g.w.taps % g.h.taps * g.h.dilation, tap % g.w.taps * g.w.dilation);
  }

 private:
  SF_DEVICE static InputPlace at(const ConvGeometry& g, int n, int t, int h, int w) {
    return {((n * g.t.in + t) * g.h.in + h) * g.w.in + w, t, h, w};
  }
};

template <class T, class Shape, int kWidthA, int kWidthB, bool kPointwise>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kBlocks)
    backward_weight_kernel(ConvGeometry g, WeightChannels channels, const T* x, const T* dy,
                           PixelParts parts, PartialSums sums) {
  using Stage = GradientStage<T, Shape, Lies::across>;
  constexpr int kStages = Shape::kStages;
  auto* shared = dynamic_shared<std::byte>();
  auto* places = reinterpret_cast<InputPlace*>(shared + kStages * Stage::kBytes);
  const int m0 = int(blockIdx.x) / channels.row_tiles * Shape::kM;
  const int n0 = int(blockIdx.x) % channels.row_tiles * Shape::kN, group = int(blockIdx.y);
  const int begin = int(blockIdx.z * parts.pixels);
  const int end = int(minimum(begin + parts.pixels, g.out_pixels()));

  // Every thread copies one column of a and one of b, from these rows on.
  constexpr int kInRowA = Shape::kM / kWidthA, kInRowB = Shape::kN / kWidthB;
  static_assert(Shape::kThreads % kInRowA == 0 && Shape::kThreads % kInRowB == 0);
  const int row_a = int(threadIdx.x) / kInRowA, row_b = int(threadIdx.x) / kInRowB;
  const int channel = m0 + int(threadIdx.x) % kInRowA * kWidthA;
  const int column = n0 + int(threadIdx.x) % kInRowB * kWidthB;
  const T* dy_at = dy + group * channels.out + channel + int64_t(begin + row_a) * g.y_pitch;
  const InputPlace tap =
      kPointwise ? InputPlace{}
                 : InputPlace::of_tap(g, minimum(column, channels.row - 1) / channels.in);
  const T* x_at = x + group * channels.in + column % channels.in +
                  int64_t(kPointwise ? begin + row_b : tap.pixel) * g.x_pitch;

  // The places of a slice's pixels are found one round of the pipeline before they are used.
  int pixel = begin;
  const auto find_places = [&](int stage, int first) {
    if (!kPointwise && threadIdx.x < Stage::kSlice)
      places[stage * Stage::kSlice + int(threadIdx.x)] =
          InputPlace::first_tap(g, first + int(threadIdx.x), end);
  };
#pragma unroll
  for (int stage = 0; stage < kStages; ++stage) find_places(stage, begin + stage * Stage::kSlice);
  if (!kPointwise) __syncthreads();

  const auto copy = [&](int stage) {
    std::byte* a = shared + stage * Stage::kBytes;
    copy_tile<kWidthA, Shape::kThreads, Stage::kRowsA, Stage::kRowBytesA, Shape::kTf32>(
        a, dy, [&](int row, int) {
          const bool exists = pixel + row < end && channel < channels.out;
          return exists ? dy_at + int64_t(row - row_a) * g.y_pitch : nullptr;
        });
    copy_tile<kWidthB, Shape::kThreads, Stage::kSlice, Stage::kRowBytesB, Shape::kTf32>(
        a + Stage::kB, x, [&](int row, int) -> const T* {
          if (column >= channels.row) return nullptr;
          if constexpr (kPointwise)
            return pixel + row < end ? x_at + int64_t(row - row_b) * g.x_pitch : nullptr;
          const InputPlace at = places[stage * Stage::kSlice + row];
          const bool inside = g.t.has_input(at.t + tap.t) && g.h.has_input(at.h + tap.h) &&
                              g.w.has_input(at.w + tap.w);
          return inside ? x_at + int64_t(at.pixel) * g.x_pitch : nullptr;
        });
    pixel += Stage::kSlice;
    dy_at += int64_t(Stage::kSlice) * g.y_pitch;
    if (kPointwise) x_at += int64_t(Stage::kSlice) * g.x_pitch;
  };

  GradientProduct<T, Shape, Lies::across> product;
  pipeline<kStages>(ceil_div(end - begin, Stage::kSlice), copy, [&](int stage) {
    // The stage's copies were issued before the last barrier, those of two more behind it.
    find_places(stage, pixel);
    const std::byte* a = shared + stage * Stage::kBytes;
    product.multiply(a, a + Stage::kB);
  });

  float* dw =
      sums.dw + blockIdx.z * sums.pitch + (int64_t(group) * channels.out + m0) * channels.row + n0;
  product.template for_vectors<float>([&](int row, int column, const Vec<float, 4>& values) {
    if (m0 + row >= channels.out) return;
    float* to = dw + int64_t(row) * channels.row + column;
    if constexpr (kWidthB > 1) {
      if (n0 + column < channels.row) store(to, values);
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (n0 + column + i < channels.row) store(to + i, Vec<float, 1>{{values[i]}});
    }
  });
}

template <class Shape>
WeightChannels weight_channels(const Conv3dProblem& p) {
  const int in = p.c / p.groups, row = p.kt * p.kh * p.kw * in;
  return {in, p.k / p.groups, row, ceil_div(row, Shape::kN)};
}

template <class Shape>
unsigned weight_tiles(const Conv3dProblem& p) {
  const WeightChannels channels = weight_channels<Shape>(p);
  return unsigned(ceil_div(channels.out, Shape::kM) * channels.row_tiles);
}

// As many parts as large GPUs hold blocks, 2 on each of 132 multiprocessors; a part should have
// many more pixels than the pipeline has slices.
template <class Shape>
PixelParts weight_parts(const Conv3dProblem& p) {
  constexpr int kBlocks = 132 * 2, kPartPixels = 256;
  return pixel_parts(p.out_pixels(), kBlocks / (int64_t(weight_tiles<Shape>(p)) * p.groups),
                     kPartPixels);
}

template <class T, class Shape, int kWidthA, int kWidthB, bool kPointwise>
void start_backward_weight(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args,
                           const PixelParts& parts, const PartialSums& sums, Queue queue) {
  using Stage = GradientStage<T, Shape, Lies::across>;
  const dim3 grid(weight_tiles<Shape>(p), unsigned(p.groups), unsigned(parts.count));
  constexpr size_t kPlaces = kPointwise ? 0 : Stage::kSlice * sizeof(InputPlace);
  launch(backward_weight_kernel<T, Shape, kWidthA, kWidthB, kPointwise>, grid, Shape::kThreads,
         Shape::kStages * (Stage::kBytes + kPlaces), queue, ConvGeometry(p),
         weight_channels<Shape>(p), static_cast<const T*>(args.x), static_cast<const T*>(args.dy),
         parts, sums);
}

// Vectors wherever x, dy and dw allow them; single values by a tile that has registers left for
// their addresses.
template <class T, class Shape>
void run_backward_weight(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args,
                         void* workspace, Queue queue) {
  using Small =
      std::conditional_t<(Shape::kM > 64), GradientShape<64, 64, 2, 2, 4, 64, Shape::kTf32>, Shape>;
  const PixelParts parts = weight_parts<Shape>(p);
  const PartialSums sums(p, args, parts, workspace);
  const bool dy_vectors = aligned_for_vectors<T>(p.k / p.groups, {p.y_pitch}, {args.dy});
  const bool x_vectors = aligned_for_vectors<T>(p.c / p.groups, {p.x_pitch}, {args.x}) &&
                         aligned_for_vectors<float>(sums.pitch, {}, {sums.dw});
  if (!dy_vectors)
    start_backward_weight<T, Small, 1, 1, false>(p, args, parts, sums, queue);
  else if (!x_vectors)
    start_backward_weight<T, Small, kVec<T>, 1, false>(p, args, parts, sums, queue);
  else if (ConvGeometry(p).pointwise())
    start_backward_weight<T, Shape, kVec<T>, kVec<T>, true>(p, args, parts, sums, queue);
  else
    start_backward_weight<T, Shape, kVec<T>, kVec<T>, false>(p, args, parts, sums, queue);
  if (p.bias) add_pixels(p, args, parts, sums, queue);
  add_parts(p, args, parts, workspace, queue);
}

template <class Shape>
size_t workspace_bytes(const Conv3dProblem& p, void*) {
  return workspace_of(p, weight_parts<Shape>(p));
}

template <class Shape>
int launches(const Conv3dProblem& p) {
  return launches_of(p, weight_parts<Shape>(p));
}

// Channels of a group, in [kFewest, kMost] of dy; fewer than four belong to other kernels.
template <int kFewest, int kMost>
bool weight_gemm_can_run(const Conv3dProblem& p) {
  const int out = p.k / p.groups;
  return gemm_sizes_fit(p) && out >= kFewest && out <= kMost;
}

}  // namespace sf::SF_DEVICE_NS
