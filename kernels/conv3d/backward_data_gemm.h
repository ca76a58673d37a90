// The gradient by data as a product of matrices that are never written out: input pixels x (taps,
// output channels) times (taps, output channels) x input channels. Where windows have a stride,
// each class of inputs that the same taps see is a product of its own, so no tap is tried in vain.
#pragma once

#include "kernels/base/launch.h"
#include "kernels/base/storage.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/best_row.h"
#include "kernels/conv3d/geometry.h"
#include "kernels/conv3d/gradient_product.h"

namespace sf::SF_DEVICE_NS {

// Channels of one group; tiles and slices that they take.
struct DataChannels {
  int in, out, in_tiles, slices;
};

// The output that sees a row's pixel at the first tap, and where it is; outside for no pixel.
struct alignas(16) OutputPlace {
  int pixel, t, h, w;
};
constexpr int kNowhere = -(1 << 30);

struct InputClasses {
  InputClass t, h, w;

  SF_DEVICE InputClasses(const ConvGeometry& g, int i)
      : t(g.t, i / g.w.stride / g.h.stride),
        h(g.h, i / g.w.stride % g.h.stride),
        w(g.w, i % g.w.stride) {}
  SF_DEVICE int taps() const { return t.taps * h.taps * w.taps; }
  SF_DEVICE ConvPixel split(int i) const {
    return ConvPixel::split(i, t.inputs, h.inputs, w.inputs);
  }
  SF_DEVICE OutputPlace place(const ConvGeometry& g, int i) const {
    const ConvPixel u = split(i);
    const int out_t = t.first_out + u.t, out_h = h.first_out + u.h, out_w = w.first_out + u.w;
    return {((u.n * g.t.out + out_t) * g.h.out + out_h) * g.w.out + out_w, out_t, out_h, out_w};
  }
  // Of the class's pixel i, in dx.
  SF_DEVICE int pixel(const ConvGeometry& g, int i) const {
    const ConvPixel u = split(i);
    return ((u.n * g.t.in + t.first + u.t * g.t.stride) * g.h.in + h.first + u.h * g.h.stride) *
               g.w.in +
           w.first + u.w * g.w.stride;
  }
};

// A tap of a class, and how far back from the first one's its output is.
struct ClassTap {
  int i = 0, j = 0, l = 0;

  SF_DEVICE void next(const InputClasses& c) {
    if (++l < c.w.taps) return;
    l = 0;
    if (++j < c.h.taps) return;
    j = 0;
    ++i;
  }
  SF_DEVICE int index(const ConvGeometry& g, const InputClasses& c) const {
    return ((c.t.first_tap + i * c.t.tap_step) * g.h.taps + c.h.first_tap + j * c.h.tap_step) *
               g.w.taps +
           c.w.first_tap + l * c.w.tap_step;
  }
};

template <class T, class Shape, int kWidth, bool kPointwise>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kBlocks)
    backward_data_kernel(ConvGeometry g, DataChannels channels, const T* dy, const T* w, T* dx) {
  using Stage = GradientStage<T, Shape, Lies::along>;
  auto* shared = dynamic_shared<std::byte>();
  auto* places = reinterpret_cast<OutputPlace*>(shared + Shape::kStages * Stage::kBytes);
  const int m0 = int(blockIdx.x) / channels.in_tiles * Shape::kM;
  const int n0 = int(blockIdx.x) % channels.in_tiles * Shape::kN, group = int(blockIdx.y);
  dy += group * channels.out;
  w += int64_t(group) * channels.out * g.taps() * channels.in + n0;
  dx += group * channels.in + n0;

  // In shared memory, for registers are dear.
  auto& classes = *reinterpret_cast<InputClasses*>(places + Shape::kM);
  int pixels = g.n * g.t.in * g.h.in * g.w.in;
  if constexpr (!kPointwise) {
    if (threadIdx.x == 0) classes = InputClasses(g, int(blockIdx.z));
    __syncthreads();
    pixels = g.n * classes.t.inputs * classes.h.inputs * classes.w.inputs;
  }
  if (m0 >= pixels) return;
  if constexpr (!kPointwise) {
    for (int row = int(threadIdx.x); row < Shape::kM; row += Shape::kThreads)
      places[row] = m0 + row < pixels ? classes.place(g, m0 + row)
                                      : OutputPlace{0, kNowhere, kNowhere, kNowhere};
    __syncthreads();
  }

  ClassTap tap;
  int k0 = 0;
  const auto copy = [&](int stage) {
    std::byte* a = shared + stage * Stage::kBytes;
    int back_t = 0, back_h = 0, back_w = 0, back = 0;
    if constexpr (!kPointwise) {
      back_t = tap.i * classes.t.out_step;
      back_h = tap.j * classes.h.out_step;
      back_w = tap.l * classes.w.out_step;
      back = (back_t * g.h.out + back_h) * g.w.out + back_w;
    }
    copy_tile<kWidth, Shape::kThreads, Stage::kRowsA, Stage::kRowBytesA, false>(
        a, dy, [&](int row, int column) -> const T* {
          if (k0 + column >= channels.out) return nullptr;
          if constexpr (kPointwise)
            return m0 + row < pixels ? dy + int64_t(m0 + row) * g.y_pitch + k0 + column : nullptr;
          const OutputPlace at = places[row];
          const bool inside = unsigned(at.t - back_t) < unsigned(g.t.out) &&
                              unsigned(at.h - back_h) < unsigned(g.h.out) &&
                              unsigned(at.w - back_w) < unsigned(g.w.out);
          return inside ? dy + int64_t(at.pixel - back) * g.y_pitch + k0 + column : nullptr;
        });
    const int weights = kPointwise ? channels.in : g.taps() * channels.in;  // of an output
    const T* from = w + int64_t(k0) * weights;
    if (!kPointwise) from += tap.index(g, classes) * channels.in;
    copy_tile<kWidth, Shape::kThreads, Stage::kSlice, Stage::kRowBytesB, Shape::kTf32>(
        a + Stage::kB, w, [&](int row, int column) {
          const bool exists = k0 + row < channels.out && n0 + column < channels.in;
          return exists ? from + row * weights + column : nullptr;
        });
    k0 += Stage::kSlice;
    if (kPointwise || k0 < channels.out) return;
    k0 = 0;
    tap.next(classes);
  };

  GradientProduct<T, Shape, Lies::along> product;
  pipeline<Shape::kStages>(channels.slices * (kPointwise ? 1 : classes.taps()), copy,
                           [&](int stage) {
                             const std::byte* a = shared + stage * Stage::kBytes;
                             product.multiply(a, a + Stage::kB);
                           });

  product.template for_vectors<T>([&](int row, int column, const Vec<T, kVec<T>>& values) {
    if (m0 + row >= pixels) return;
    const int pixel = kPointwise ? m0 + row : classes.pixel(g, m0 + row);
    T* to = dx + int64_t(pixel) * g.x_pitch + column;
    if constexpr (kWidth == kVec<T>) {
      if (n0 + column < channels.in) store(to, values);
    } else {
#pragma unroll
      for (int i = 0; i < kVec<T>; ++i)
        if (n0 + column + i < channels.in) store(to + i, Vec<T, 1>{{values[i]}});
    }
  });
}

template <class T, class Shape, int kWidth, bool kPointwise>
void start_backward_data(const ConvGeometry& g, const Conv3dBackwardDataArgs& args, Queue queue) {
  using Stage = GradientStage<T, Shape, Lies::along>;
  const int in = g.c / g.groups, out = g.k / g.groups;
  const DataChannels channels{in, out, ceil_div(in, Shape::kN), ceil_div(out, Stage::kSlice)};
  const int classes = g.t.stride * g.h.stride * g.w.stride;
  // No class has more inputs than that along an axis.
  const int64_t pixels = int64_t(g.n) * ceil_div(g.t.in, g.t.stride) *
                         ceil_div(g.h.in, g.h.stride) * ceil_div(g.w.in, g.w.stride);
  const dim3 grid(unsigned(ceil_div(pixels, Shape::kM) * channels.in_tiles), unsigned(g.groups),
                  unsigned(classes));
  const size_t bytes = Shape::kStages * Stage::kBytes +
                       (kPointwise ? 0 : Shape::kM * sizeof(OutputPlace) + sizeof(InputClasses));
  launch(backward_data_kernel<T, Shape, kWidth, kPointwise>, grid, Shape::kThreads, bytes, queue, g,
         channels, static_cast<const T*>(args.dy), static_cast<const T*>(args.w),
         static_cast<T*>(args.dx));
}

template <class T>
bool data_vectors(const ConvGeometry& g, const Conv3dBackwardDataArgs& args) {
  return aligned_for_vectors<T>(g.c / g.groups, {g.k / g.groups, g.x_pitch, g.y_pitch},
                                {args.dy, args.w, args.dx});
}

// Vectors of channels wherever sizes, pitches and addresses allow them.
template <class T, class Shape>
void run_backward_data(const Conv3dProblem& p, const Conv3dBackwardDataArgs& args, Queue queue) {
  const ConvGeometry g(p);
  if (!data_vectors<T>(g, args))
    start_backward_data<T, Shape, 1, false>(g, args, queue);
  else if (g.pointwise())
    start_backward_data<T, Shape, kVec<T>, true>(g, args, queue);
  else
    start_backward_data<T, Shape, kVec<T>, false>(g, args, queue);
}

// Channels of a group, in [kFewest, kMost] of dx; fewer than four belong to other kernels.
template <int kFewest, int kMost>
bool data_gemm_can_run(const Conv3dProblem& p) {
  const int in = p.c / p.groups;
  return gemm_sizes_fit(p) && in >= kFewest && in <= kMost && p.k / p.groups >= 4;
}

}  // namespace sf::SF_DEVICE_NS
