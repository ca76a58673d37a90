// The sizes of a convolution as kernels take them: plain data, for host and device.
#pragma once

#include <limits>

#include "kernels/base/host_device.h"
#include "kernels/conv3d/conv3d.h"

namespace sf {

// T, H or W. Window position `tap` at output o sees input o stride - pad + tap dilation.
struct ConvAxis {
  int in, out, taps, stride, pad, dilation;

  SF_HOST_DEVICE int input_of(int output, int tap) const {
    return output * stride - pad + tap * dilation;
  }
  SF_HOST_DEVICE bool has_input(int i) const { return unsigned(i) < unsigned(in); }

  // The output that sees the input at this tap, or -1.
  SF_HOST_DEVICE int output_of(int input, int tap) const {
    const int position = input + pad - tap * dilation;
    if (position < 0 || position % stride != 0) return -1;
    return position / stride < out ? position / stride : -1;
  }
};

// Of problems that fit().
struct ConvGeometry {
  int n, c, k, groups;
  ConvAxis t, h, w;
  int x_pitch, y_pitch;

  explicit ConvGeometry(const Conv3dProblem& p)
      : n(p.n),
        c(p.c),
        k(p.k),
        groups(p.groups),
        t{p.t, p.out_t(), p.kt, p.stride[0], p.pad[0], p.dilation[0]},
        h{p.h, p.out_h(), p.kh, p.stride[1], p.pad[1], p.dilation[1]},
        w{p.w, p.out_w(), p.kw, p.stride[2], p.pad[2], p.dilation[2]},
        x_pitch(int(p.x_pitch)),
        y_pitch(int(p.y_pitch)) {}

  // Whether the numbers below are ints; those of pixels and weights need not be.
  static bool fits(const Conv3dProblem& p) {
    constexpr int64_t kMost = std::numeric_limits<int>::max();
    return p.x_pitch <= kMost && p.y_pitch <= kMost;
  }

  // Output pixels see the input pixel of the same number, and no other.
  bool pointwise() const {
    const auto trivial = [](const ConvAxis& a) {
      return a.taps == 1 && a.stride == 1 && a.pad == 0;
    };
    return trivial(t) && trivial(h) && trivial(w);
  }

  SF_HOST_DEVICE int taps() const { return t.taps * h.taps * w.taps; }
  SF_HOST_DEVICE int64_t in_pixels() const { return int64_t(n) * t.in * h.in * w.in; }
  SF_HOST_DEVICE int64_t out_pixels() const { return int64_t(n) * t.out * h.out * w.out; }
};

// Where a pixel is; pixels count N, T, H, W with W fastest.
struct ConvPixel {
  int n, t, h, w;

  SF_HOST_DEVICE static ConvPixel of_input(const ConvGeometry& g, int64_t pixel) {
    return split(pixel, g.t.in, g.h.in, g.w.in);
  }
  SF_HOST_DEVICE static ConvPixel of_output(const ConvGeometry& g, int64_t pixel) {
    return split(pixel, g.t.out, g.h.out, g.w.out);
  }

  // Pixel i of maps of t x h x w. Int: as wide as the pixels need, since divisions are dear.
  template <class Int>
  SF_HOST_DEVICE static ConvPixel split(Int i, int t, int h, int w) {
    const Int row = i / w, map = row / h;
    return {int(map / t), int(map % t), int(row % h), int(i % w)};
  }

  // To the output pixel behind.
  SF_HOST_DEVICE void next_output(const ConvGeometry& g) {
    if (++w < g.w.out) return;
    w = 0;
    if (++h < g.h.out) return;
    h = 0;
    if (++t < g.t.out) return;
    t = 0;
    ++n;
  }
};

// The inputs along an axis that windows of a stride see at the same taps, every stride-th: input
// first + u stride is seen at tap first_tap + i tap_step by output first_out + u - i out_step,
// where that exists. Among themselves they are a convolution without stride.
struct InputClass {
  int inputs, first, taps, first_tap, tap_step, first_out, out_step;

  // residue: (input + pad) % stride of the class.
  SF_HOST_DEVICE InputClass(const ConvAxis& a, int residue)
      : first(residue - a.pad), first_tap(0), tap_step(1) {
    if (first < 0) first += (-first + a.stride - 1) / a.stride * a.stride;
    inputs = first < a.in ? (a.in - first + a.stride - 1) / a.stride : 0;
    while (first_tap < a.taps && (residue - first_tap * a.dilation) % a.stride != 0) ++first_tap;
    while (tap_step * a.dilation % a.stride != 0) ++tap_step;
    taps = first_tap < a.taps ? (a.taps - first_tap + tap_step - 1) / tap_step : 0;
    first_out = (first + a.pad - first_tap * a.dilation) / a.stride;
    out_step = tap_step * a.dilation / a.stride;
  }
};

// Whether rows of factors are copied before tiles of so many are multiplied: where they are not
// rows of x, and where those begin whole pages apart and so share one set of lines of a first-level
// cache.
inline bool wants_copies(const Conv3dProblem& p, int tile_rows) {
  constexpr int64_t kPage = 4096, kLinesOfASet = 8;
  const bool fall_together =
      tile_rows > kLinesOfASet && p.x_pitch * int64_t(size_of(p.dtype)) % kPage == 0;
  return fall_together || !ConvGeometry(p).pointwise();
}

}  // namespace sf
