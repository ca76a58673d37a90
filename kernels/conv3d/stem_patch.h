// Few input channels: a block keeps the patch of x that a tile of output pixels sees in one frame
// in shared memory, channels filled up to four, so that the eight pixels from a window's row on are
// 32 values in a row. Rows of neighbouring outputs overlap there.
#pragma once

#include "kernels/base/launch.h"
#include "kernels/conv3d/window.h"

namespace sf::SF_DEVICE_NS {

constexpr int kTileH = 8, kTileW = 16, kThreads = 128;  // of output pixels; of a block
constexpr int kWarps = kThreads / kWarpSize;
constexpr int kChannels = 4, kTaps = 8;  // of a row of a window, filled up
constexpr int kMaxShared = 96 << 10;

template <class T>
constexpr int kPixels = kVec<T> / kChannels;  // of a chunk

struct Stem {
  int channels, out_channels;
  int tiles_h, tiles_w;
  int patch_h, patch_w;  // in rows and chunks
  int before;            // pixels that the first chunk has before the first tap
  bool pairs;            // of pixels are 12 aligned bytes, wholly inside x or outside

  template <class T>
  Stem(const Conv3dProblem& p, const T* x)
      : channels(p.c),
        out_channels(p.k),
        tiles_h(ceil_div(p.out_h(), kTileH)),
        tiles_w(ceil_div(p.out_w(), kTileW)),
        patch_h((kTileH - 1) * p.stride[1] + (p.kh - 1) * p.dilation[1] + 1),
        patch_w(((kTileW - 1) * p.stride[2] + kTaps) / kPixels<T>),
        before(p.pad[2] % kPixels<T>),
        pairs(kPixels<T> == 2 && p.c == 3 && p.x_pitch == 3 && p.w % 2 == 0 &&
              reinterpret_cast<uintptr_t>(x) % 4 == 0) {}

  // Whole lines, so that what lies behind is aligned to them.
  SF_HOST_DEVICE int patch_bytes() const { return ceil_div(patch_h * patch_w, 8) * 128; }
};

// The pixels of one chunk of the patch.
template <class T>
SF_DEVICE Vec<T, kVec<T>> load_pixels(const Windows& g, const Stem& s, const T* x, Corner at) {
  Vec<T, kVec<T>> values{};
  if constexpr (kPixels<T> == 2)
    if (s.pairs) {
      // No branch, so that loads of several chunks are under way together.
      const bool inside = at.inside(g);
      const T* from = inside ? x + at.pixel(g) * g.pitch : x;
#pragma unroll
      for (int i = 0; i < 3; ++i) {
        const auto two = load<2>(from + 2 * i);
#pragma unroll
        for (int j = 0; j < 2; ++j)
          values[(2 * i + j) / 3 * kChannels + (2 * i + j) % 3] = inside ? two[j] : T{};
      }
      return values;
    }
#pragma unroll
  for (int i = 0; i < kPixels<T>; ++i, ++at.w) {
    if (!at.inside(g)) continue;
    const T* from = x + at.pixel(g) * g.pitch;
#pragma unroll
    for (int c = 0; c < kChannels; ++c)
      if (c < s.channels) values[i * kChannels + c] = load<1>(from + c)[0];
  }
  return values;
}

// Brings the patch whose first pixel is `from` to shared memory; all threads take part.
template <class T>
SF_DEVICE void load_patch(const Windows& g, const Stem& s, const T* x, const Corner& from,
                          std::byte* patch) {
  constexpr int kTogether = 2;
  const int chunks = s.patch_h * s.patch_w;
  for (int first = int(threadIdx.x); first < chunks; first += kTogether * kThreads) {
    Vec<T, kVec<T>> values[kTogether];
#pragma unroll
    for (int j = 0; j < kTogether; ++j) {
      const int i = minimum(first + j * kThreads, chunks - 1);
      Corner at = from;
      at.move(0, i / s.patch_w, i % s.patch_w * kPixels<T>);
      values[j] = load_pixels(g, s, x, at);
    }
#pragma unroll
    for (int j = 0; j < kTogether; ++j)
      if (first + j * kThreads < chunks)
        store(reinterpret_cast<T*>(patch + (first + j * kThreads) * 16), values[j]);
  }
}

// Whether the windows' rows are rows of a patch that int counts; its size is the kernel's to judge.
template <class T>
bool patch_fits(const Conv3dProblem& p) {
  constexpr int kMost = 1 << 10;
  return p.stride[1] <= kMost && p.stride[2] <= kMost && p.kh <= kMost && p.dilation[1] <= kMost &&
         p.groups == 1 && p.c <= kChannels && p.dilation[2] == 1 &&
         p.kw + p.pad[2] % kPixels<T> <= kTaps && p.stride[2] % kPixels<T> == 0;
}

}  // namespace sf::SF_DEVICE_NS
