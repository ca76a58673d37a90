// Where the windows of output pixels lie in x, for the device's kernels.
#pragma once

#include "kernels/base/device.h"
#include "kernels/conv3d/conv3d.h"

namespace sf::SF_DEVICE_NS {

struct Extents {
  int t, h, w;
};

// What a kernel needs of a problem to find its windows; pixels count N, T, H, W with W fastest.
struct Windows {
  Extents in, out, size, stride, pad, dilation;
  int64_t pitch;  // of x
  int pixels;     // of y

  explicit Windows(const Conv3dProblem& p)
      : in{p.t, p.h, p.w},
        out{p.out_t(), p.out_h(), p.out_w()},
        size{p.kt, p.kh, p.kw},
        stride(extents(p.stride)),
        pad(extents(p.pad)),
        dilation(extents(p.dilation)),
        pitch(p.x_pitch),
        pixels(int(p.out_pixels())) {}

 private:
  static Extents extents(const std::array<int, 3>& v) { return {v[0], v[1], v[2]}; }
};

// The place of the first tap of an output pixel's window; outside of x where there is padding.
struct Corner {
  int n, t, h, w;

  SF_DEVICE Corner(const Windows& g, int pixel) {
    int i = pixel;
    w = i % g.out.w * g.stride.w - g.pad.w, i /= g.out.w;
    h = i % g.out.h * g.stride.h - g.pad.h, i /= g.out.h;
    t = i % g.out.t * g.stride.t - g.pad.t, n = i / g.out.t;
  }
  SF_DEVICE void move(int by_t, int by_h, int by_w) { t += by_t, h += by_h, w += by_w; }
  SF_DEVICE bool inside(const Windows& g) const {
    return unsigned(t) < unsigned(g.in.t) && unsigned(h) < unsigned(g.in.h) &&
           unsigned(w) < unsigned(g.in.w);
  }
  // Counted over the pixels of x as if there were no borders.
  SF_DEVICE int64_t pixel(const Windows& g) const {
    return ((int64_t(n) * g.in.t + t) * g.in.h + h) * g.in.w + w;
  }
};

// Bit i, 10 + i and 20 + i: whether tap i of the window lies inside x along T, H and W; so windows
// of up to 10 taps an axis. No bit for a pixel past the last one.
SF_DEVICE uint32_t taps_inside(const Windows& g, const Corner& corner) {
  const auto axis = [](int from, int taps, int dilation, int extent) {
    uint32_t bits = 0;
    for (int i = 0; i < taps; ++i)
      bits |= uint32_t(unsigned(from + i * dilation) < unsigned(extent)) << i;
    return bits;
  };
  return axis(corner.t, g.size.t, g.dilation.t, g.in.t) |
         axis(corner.h, g.size.h, g.dilation.h, g.in.h) << 10 |
         axis(corner.w, g.size.w, g.dilation.w, g.in.w) << 20;
}

// What the device counts in int.
inline bool pixels_fit(const Conv3dProblem& p) {
  constexpr int64_t kMost = int64_t{1} << 30;
  return int64_t{p.n} * p.t * p.h * p.w <= kMost && p.out_pixels() <= kMost;
}

// Whether 16 bytes can be copied from multiples of 16 bytes on.
inline bool aligned_for_copies(const Conv3dArgs& args) {
  return (reinterpret_cast<uintptr_t>(args.x) | reinterpret_cast<uintptr_t>(args.w)) % 16 == 0;
}

inline bool taps_fit(const Conv3dProblem& p) { return p.kt <= 10 && p.kh <= 10 && p.kw <= 10; }

// A place in the reduction: taps in the order of the weights, with `channels` values each. Begins
// at the tap 0, 0, 0 and any value.
struct TapCursor {
  int t = 0, h = 0, w = 0, c;

  SF_DEVICE TapCursor(const Windows& g, int channels, int value) : c(value) { carry(g, channels); }

  SF_DEVICE void advance(const Windows& g, int channels, int values) {
    c += values;
    carry(g, channels);
  }
  // Past the last tap: false for every window.
  SF_DEVICE bool inside(uint32_t taps) const {
    return t < 10 && (taps >> t & taps >> (10 + h) & taps >> (20 + w) & 1);
  }
  // From the corner's pixel on, in elements of x.
  SF_DEVICE int64_t offset(const Windows& g) const {
    return (int64_t(t * g.dilation.t * g.in.h + h * g.dilation.h) * g.in.w + w * g.dilation.w) *
               g.pitch +
           c;
  }

 private:
  SF_DEVICE void carry(const Windows& g, int channels) {
    while (c >= channels) {
      c -= channels;
      if (++w < g.size.w) continue;
      w = 0;
      if (++h < g.size.h) continue;
      h = 0;
      ++t;
    }
  }
};

}  // namespace sf::SF_DEVICE_NS
