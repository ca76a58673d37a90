// Few input channels: a block keeps the patch of x that its output pixels see in shared memory,
// channels filled up to four, so that the eight pixels from a window's row on are the 32 values of
// a row of a tile. Rows of neighbouring outputs overlap there.
#include "kernels/base/storage.h"
#include "kernels/conv3d/epilogue.h"
#include "kernels/conv3d/tile.h"
#include "kernels/conv3d/window.h"

namespace sf::SF_DEVICE_NS {
namespace {

constexpr int kTileH = 8, kTileW = 16, kThreads = 128;  // a warp has two rows of 16 pixels
constexpr int kWarps = kThreads / kWarpSize;
constexpr int kChannels = 4, kTaps = 8;  // of a row of a window, filled up
constexpr int kTileBytes = 64;           // a row of a tile
constexpr int kMaxShared = 96 << 10;

template <class T>
constexpr int kPixels = kVec<T> / kChannels;  // of a chunk
template <class T>
constexpr int kTiles = kTaps / kPixels<T> / 4;  // of a row of windows

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
};

// Weights as rows of tiles: kt kh kTiles x out_channels x 64 bytes.
template <class T>
__global__ void __launch_bounds__(kThreads)
    conv3d_stem_weights_kernel(Windows g, Stem s, const T* w, T* packed) {
  const int i = int(blockIdx.x) * kThreads + int(threadIdx.x);
  const int vectors = g.size.t * g.size.h * kTiles<T> * s.out_channels * 4;
  if (i >= vectors) return;
  const int chunk = i % 4 + i / 4 / s.out_channels % kTiles<T> * 4, k = i / 4 % s.out_channels;
  const int row = i / 4 / s.out_channels / kTiles<T>;
  const T* from = w + ((int64_t(k) * g.size.t * g.size.h + row) * g.size.w) * s.channels;
  Vec<T, kVec<T>> values{};
#pragma unroll
  for (int j = 0; j < kVec<T>; ++j) {
    const int tap = chunk * kPixels<T> + j / kChannels - s.before, c = j % kChannels;
    if (tap >= 0 && tap < g.size.w && c < s.channels)
      values[j] = load<1>(from + tap * s.channels + c)[0];
  }
  store(packed + int64_t(i) * kVec<T>, values);
}

// The pixels of one chunk of the patch.
template <class T>
SF_DEVICE Vec<T, kVec<T>> load_pixels(const Windows& g, const Stem& s, const T* x, Corner at) {
  Vec<T, kVec<T>> values{};
  if constexpr (kPixels<T> == 2)
    if (s.pairs) {
      if (!at.inside(g)) return values;
      const T* from = x + at.pixel(g) * g.pitch;
#pragma unroll
      for (int i = 0; i < 3; ++i) {
        const auto two = load<2>(from + 2 * i);
#pragma unroll
        for (int j = 0; j < 2; ++j) values[(2 * i + j) / 3 * kChannels + (2 * i + j) % 3] = two[j];
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

template <class T, class Tile>
__global__ void __launch_bounds__(kThreads, 3)
    conv3d_stem_kernel(Windows g, Stem s, const T* x, const T* packed, Epilogue<T> epilogue) {
  auto* patch = dynamic_shared<std::byte>();
  std::byte* weights = patch + ceil_div(s.patch_h * s.patch_w, 8) * 128;
  const int thread = int(threadIdx.x), warp = thread / kWarpSize;
  int block = int(blockIdx.x);
  const int out_w = block % s.tiles_w * kTileW;
  block /= s.tiles_w;
  const int out_h = block % s.tiles_h * kTileH, frame = block / s.tiles_h;  // over n and t
  const int n0 = int(blockIdx.y) * Tile::kN;
  const Corner corner(g, (frame * g.out.h + out_h) * g.out.w + out_w);

  // The lane's rows of a, in the patch.
  const int lane_row = warp * 2 * kTileW + Tile::lane_row();
  const auto offset = [&](int row) {
    return (row / kTileW * g.stride.h * s.patch_w + row % kTileW * g.stride.w / kPixels<T>)*16;
  };
  const std::byte* lane_a = patch + offset(lane_row) + Tile::lane_chunk() * 16;

  Tile tile(0, 0);
  for (int tap_t = 0; tap_t < g.size.t; ++tap_t) {
    Corner from = corner;
    from.move(tap_t * g.dilation.t, 0, -s.before);
    if (unsigned(from.t) >= unsigned(g.in.t)) continue;
    const int chunks = g.size.h * kTiles<T> * Tile::kN * 4;
    for (int i = thread; i < chunks; i += kThreads) {
      const int row = i / 4, k = n0 + row % Tile::kN;
      const int64_t at =
          int64_t(tap_t * g.size.h * kTiles<T> + row / Tile::kN) * s.out_channels + k;
      const bool exists = k < s.out_channels;
      async_copy<16>(weights + chunk_offset<kTileBytes>(row, i % 4),
                     exists ? packed + (at * 4 + i % 4) * kVec<T> : packed, exists);
    }
    async_copy_commit();
    for (int i = thread; i < s.patch_h * s.patch_w; i += kThreads) {
      Corner at = from;
      at.move(0, i / s.patch_w, i % s.patch_w * kPixels<T>);
      store(reinterpret_cast<T*>(patch + i * 16), load_pixels(g, s, x, at));
    }
    async_copy_wait<0>();
    __syncthreads();
    for (int i = 0; i < g.size.h * kTiles<T>; ++i) {
      const std::byte* a =
          lane_a + (i / kTiles<T> * g.dilation.h * s.patch_w + i % kTiles<T> * 4) * 16;
      tile.multiply_rows(
          [&](int fragment, int step) { return a + offset(Tile::row_of(fragment)) + step; },
          weights + i * Tile::kN * kTileBytes);
    }
    __syncthreads();
  }

  auto* strips = reinterpret_cast<float*>(patch);
  epilogue.store_tile(tile, strips, n0, s.out_channels, [&](int row) {
    const int h = out_h + warp * 2 + row / kTileW, w = out_w + row % kTileW;
    return h < g.out.h && w < g.out.w ? (frame * g.out.h + h) * g.out.w + w : -1;
  });
  epilogue.template store_part<Tile, kWarps, 1>(strips, blockIdx.x, s.out_channels, n0,
                                                s.out_channels);
}

template <class T, class Tile>
size_t shared_bytes(const Conv3dProblem& p) {
  const Stem s(p, static_cast<const T*>(nullptr));
  const int operands =
      ceil_div(s.patch_h * s.patch_w, 8) * 128 + p.kh * kTiles<T> * Tile::kN * kTileBytes;
  return size_t(maximum(operands, kWarps * kStripFloats<Tile> * int(sizeof(float))));
}

// For up to 16 channels, and for more.
template <class T>
using Narrow = std::conditional_t<std::is_same_v<T, float>, FmaTile<32, 16>, TensorTile<T, 32, 16>>;
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, FmaTile<32, 32>, TensorTile<T, 32, 64>>;

template <class T>
bool fits(const Conv3dProblem& p) {
  return p.kw + p.pad[2] % kPixels<T> <= kTaps && p.stride[2] % kPixels<T> == 0 &&
         shared_bytes<T, Wide<T>>(p) <= kMaxShared;
}

bool can_run(const Conv3dProblem& p) {
  if (!is_storage(p.dtype) || p.groups != 1 || p.c > kChannels || p.dilation[2] != 1) return false;
  return pixels_fit(p) && (p.dtype == DType::f32 ? fits<float>(p) : fits<bf16>(p));
}

int packed_chunks(const Conv3dProblem& p, int tiles) { return p.kt * p.kh * tiles * p.k * 4; }

int64_t blocks_of(const Conv3dProblem& p) {
  return int64_t{p.n} * p.out_t() * ceil_div(p.out_h(), kTileH) * ceil_div(p.out_w(), kTileW);
}

// The weights; behind them the parts of the sums over y.
size_t packed_bytes(const Conv3dProblem& p) {
  return size_t(packed_chunks(p, p.dtype == DType::f32 ? kTiles<float> : kTiles<bf16>)) * 16;
}
size_t workspace_bytes(const Conv3dProblem& p, void*) {
  return packed_bytes(p) + output_parts_bytes(p, blocks_of(p));
}

template <class T, class Tile>
void run_as(const Conv3dProblem& p, const Conv3dArgs& args, void* workspace, Queue queue) {
  const auto *x = static_cast<const T*>(args.x), *w = static_cast<const T*>(args.w);
  auto* packed = static_cast<T*>(workspace);
  const Windows g(p);
  const Stem s(p, x);
  launch(conv3d_stem_weights_kernel<T>, ceil_div(packed_chunks(p, kTiles<T>), kThreads), kThreads,
         0, queue, g, s, w, packed);
  const dim3 grid(unsigned(blocks_of(p)), unsigned(ceil_div(p.k, Tile::kN)));
  auto* parts = p.sums
                    ? reinterpret_cast<float*>(static_cast<std::byte*>(workspace) + packed_bytes(p))
                    : nullptr;
  launch(conv3d_stem_kernel<T, Tile>, grid, kThreads, shared_bytes<T, Tile>(p), queue, g, s, x,
         packed, Epilogue<T>(p, args, parts));
  if (parts) add_output_parts(p, args, parts, blocks_of(p), queue);
}

void run(const Conv3dProblem& p, const Conv3dArgs& args, void*, void* workspace, Queue queue) {
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    if (p.k <= 16)
      run_as<T, Narrow<T>>(p, args, workspace, queue);
    else
      run_as<T, Wide<T>>(p, args, workspace, queue);
  });
}

}  // namespace

extern constinit const Conv3dKernel kConv3dStem{
    .name = "stem",
    .can_run = can_run,
    .workspace_bytes = workspace_bytes,
    .run = run,
    // The weights first.
    .launches = [](const Conv3dProblem& p) { return 1 + gathering_launches(p); }};

}  // namespace sf::SF_DEVICE_NS
