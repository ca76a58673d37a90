// Convolution as a product of matrices that are never written out: output pixels x taps and
// channels times taps and channels x output channels. Both are read along taps and channels, which
// are counted as the weights are, so a slice of the reduction may hold parts of several taps.
#pragma once

#include "kernels/conv3d/epilogue.h"
#include "kernels/conv3d/tile.h"
#include "kernels/conv3d/window.h"

namespace sf::SF_DEVICE_NS {

// A block's tile and the warps' parts of it. Tile: TensorTile or FmaTile. kBlocks of a
// multiprocessor find room for their registers.
template <class Tile_, int kM_, int kN_, int kStages_, int kBlocks_>
struct GemmShape {
  using Tile = Tile_;
  static constexpr int kM = kM_, kN = kN_, kStages = kStages_, kBlocks = kBlocks_;
  static constexpr int kWarpsM = kM / Tile::kM, kWarpsN = kN / Tile::kN;
  static constexpr int kWarps = kWarpsM * kWarpsN;
  static constexpr int kThreads = kWarps * kWarpSize;
  static constexpr int kRowBytes = Tile::kRowBytes, kChunks = kRowBytes / 16;
  static constexpr int kTileA = kM * kRowBytes, kStage = kTileA + kN * kRowBytes;
  static constexpr int kShared =
      maximum(kStages * kStage, kWarps* kStripFloats<Tile>* int(sizeof(float)));
};

// Channels of one group, and their tiles.
struct GemmChannels {
  int in, out, out_tiles, reduction;
};

template <class T, class Shape>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kBlocks)
    conv3d_gemm_kernel(Windows g, GemmChannels channels, const T* x, const T* w,
                       Epilogue<T> epilogue) {
  using S = Shape;
  constexpr int kRowsAtOnce = S::kThreads / S::kChunks, kSlice = S::kRowBytes / int(sizeof(T));
  constexpr int kRowsA = S::kM / kRowsAtOnce, kRowsB = ceil_div(S::kN, kRowsAtOnce);
  auto* shared = dynamic_shared<std::byte>();
  const int thread = int(threadIdx.x), warp = thread / kWarpSize;
  const int m0 = int(blockIdx.x) / channels.out_tiles * S::kM;
  const int n0 = int(blockIdx.x) % channels.out_tiles * S::kN, group = int(blockIdx.y);
  x += group * channels.in;
  w += int64_t(group) * channels.out * channels.reduction;

  // A thread copies one chunk of each of its rows, every kRowsAtOnce-th.
  const int first = thread / S::kChunks, chunk = thread % S::kChunks;
  int64_t corner[kRowsA];
  uint32_t taps[kRowsA];
#pragma unroll
  for (int i = 0; i < kRowsA; ++i) {
    const int pixel = m0 + first + i * kRowsAtOnce;
    const Corner at(g, pixel);
    corner[i] = at.pixel(g) * g.pitch;
    taps[i] = pixel < g.pixels ? taps_inside(g, at) : 0;
  }
  TapCursor cursor(g, channels.in, chunk * kVec<T>);
  int k = chunk * kVec<T>;
  const int to = chunk_offset<S::kRowBytes>(first, chunk);

  const auto copy = [&](int stage) {
    std::byte* a = shared + stage * S::kStage + to;
    const int64_t offset = cursor.offset(g);
#pragma unroll
    for (int i = 0; i < kRowsA; ++i) {
      const bool inside = cursor.inside(taps[i]);
      async_copy<16>(a + i * kRowsAtOnce * S::kRowBytes, inside ? x + corner[i] + offset : x,
                     inside);
    }
#pragma unroll
    for (int i = 0; i < kRowsB; ++i) {
      const int row = first + i * kRowsAtOnce, n = n0 + row;
      if (S::kN % kRowsAtOnce != 0 && row >= S::kN) continue;
      const bool exists = n < channels.out && k < channels.reduction;
      async_copy<16>(a + S::kTileA + i * kRowsAtOnce * S::kRowBytes,
                     exists ? w + int64_t(n) * channels.reduction + k : w, exists);
    }
    cursor.advance(g, channels.in, kSlice);
    k += kSlice;
  };

  const int warp_m = warp / S::kWarpsN * S::Tile::kM, warp_n = warp % S::kWarpsN * S::Tile::kN;
  typename S::Tile tile(warp_m, warp_n);
  pipeline<S::kStages>(ceil_div(channels.reduction, kSlice), copy, [&](int stage) {
    const std::byte* a = shared + stage * S::kStage;
    tile.multiply(a, a + S::kTileA);
  });

  const int n = group * channels.out;
  auto* strips = reinterpret_cast<float*>(shared);
  epilogue.store_tile(tile, strips, n + n0 + warp_n, n + channels.out, [&](int row) {
    const int pixel = m0 + warp_m + row;
    return pixel < g.pixels ? pixel : -1;
  });
  epilogue.template store_part<typename S::Tile, S::kWarpsM, S::kWarpsN>(
      strips, m0 / S::kM, int(gridDim.y) * channels.out, n + n0, n + channels.out);
}

// Vectors of channels, from every tap's first on.
template <class T>
bool gemm_can_run(const Conv3dProblem& p) {
  return p.dtype == dtype_of<T> && pixels_fit(p) && taps_fit(p) && p.c / p.groups % kVec<T> == 0 &&
         p.x_pitch % kVec<T> == 0 && p.groups <= 65535;
}

// Fewer leave multiprocessors of a large GPU idle, of which there are 100 to 144.
constexpr int64_t kEnoughBlocks = 200;

template <class Shape>
int64_t gemm_blocks(const Conv3dProblem& p) {
  return ceil_div(p.out_pixels(), Shape::kM) * ceil_div(p.k / p.groups, Shape::kN) * p.groups;
}

// Enough for every tile's parts of the sums over y, and those of the row that takes what is not
// aligned.
inline size_t gemm_workspace_bytes(const Conv3dProblem& p, void*) {
  return output_parts_bytes(p, smallest_output_parts(p));
}

template <class T, class Shape>
void run_gemm(const Conv3dProblem& p, const Conv3dArgs& args, void* workspace, Queue queue) {
  static_assert(Shape::kM >= kPartPixels);
  const int out = p.k / p.groups, in = p.c / p.groups;
  const GemmChannels channels{in, out, ceil_div(out, Shape::kN), p.kt * p.kh * p.kw * in};
  const int64_t rows = ceil_div(p.out_pixels(), Shape::kM), tiles = rows * channels.out_tiles;
  float* parts = p.sums ? static_cast<float*>(workspace) : nullptr;
  launch(conv3d_gemm_kernel<T, Shape>, dim3(unsigned(tiles), unsigned(p.groups)), Shape::kThreads,
         Shape::kShared, queue, Windows(p), channels, static_cast<const T*>(args.x),
         static_cast<const T*>(args.w), Epilogue<T>(p, args, parts));
  if (parts) add_output_parts(p, args, parts, rows, queue);
}

}  // namespace sf::SF_DEVICE_NS
