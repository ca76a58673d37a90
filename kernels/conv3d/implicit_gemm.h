// Convolution as a product of matrices that are never written out: output pixels x taps and
// channels times taps and channels x output channels. Both are read along taps and channels, which
// are counted as the weights are, so a slice of the reduction may hold parts of several taps.
#pragma once

#include "kernels/conv3d/best_row.h"
#include "kernels/conv3d/epilogue.h"
#include "kernels/conv3d/reduction_parts.h"
#include "kernels/conv3d/tile.h"
#include "kernels/conv3d/window.h"

namespace sf::SF_DEVICE_NS {

// A block's tile and the warps' parts of it. Tile: TensorTile or FmaTile. kBlocks of a
// multiprocessor find room for their registers.
template <class Tile_, int kM_, int kN_, int kStages_, int kBlocks_>
struct GemmShape {
  using Tile = Tile_;
  using Value = Tile::Value;
  static constexpr int kM = kM_, kN = kN_, kStages = kStages_, kBlocks = kBlocks_;
  static constexpr int kWarpsM = kM / Tile::kM, kWarpsN = kN / Tile::kN;
  static constexpr int kWarps = kWarpsM * kWarpsN;
  static constexpr int kThreads = kWarps * kWarpSize;
  static constexpr int kRowBytes = Tile::kRowBytes, kChunks = kRowBytes / 16;
  static constexpr int kSlice = kRowBytes / int(sizeof(Value));
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
                       Epilogue<T> epilogue, ReductionParts parts, MeetingPlace meeting) {
  using S = Shape;
  constexpr int kRowsAtOnce = S::kThreads / S::kChunks, kSlice = S::kSlice;
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
  const int slice = int(blockIdx.z) * parts.slices;
  const int slices = minimum(parts.slices, ceil_div(channels.reduction, kSlice) - slice);
  int k = slice * kSlice + chunk * kVec<T>;
  TapCursor cursor(g, channels.in, k);
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
  pipeline<S::kStages>(slices, copy, [&](int stage) {
    const std::byte* a = shared + stage * S::kStage;
    tile.multiply(a, a + S::kTileA);
  });
  if (parts.count > 1 &&
      !meeting.add_up<S::kThreads>(tile, int(blockIdx.y * gridDim.x + blockIdx.x), int(blockIdx.z),
                                   parts.count, reinterpret_cast<unsigned*>(shared)))
    return;

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

// What a tile takes of a problem.
template <class Shape>
struct GemmGrid {
  int64_t tiles;  // of a group
  ReductionParts parts;
  size_t arrived_bytes, output_parts_bytes, sums_bytes;

  explicit GemmGrid(const Conv3dProblem& p)
      : tiles(rows(p) * out_tiles(p)),
        parts(ReductionParts::share_out(ceil_div(reduction(p), Shape::kSlice),
                                        kBlocks / (tiles * p.groups), kFewestSlices)),
        arrived_bytes(MeetingPlace::arrived_bytes(parts, tiles * p.groups)),
        // Also enough for the row that takes what is not aligned.
        output_parts_bytes(sf::SF_DEVICE_NS::output_parts_bytes(p, smallest_output_parts(p))),
        sums_bytes(MeetingPlace::sums_bytes<typename Shape::Tile>(parts, tiles * p.groups,
                                                                  Shape::kThreads)) {}

  size_t workspace_bytes() const { return arrived_bytes + output_parts_bytes + sums_bytes; }
  static int64_t rows(const Conv3dProblem& p) { return ceil_div(p.out_pixels(), Shape::kM); }
  static int out_tiles(const Conv3dProblem& p) { return ceil_div(p.k / p.groups, Shape::kN); }
  static int reduction(const Conv3dProblem& p) { return p.kt * p.kh * p.kw * (p.c / p.groups); }

 private:
  // As many as an H100's multiprocessors hold; 512 bytes of a row at least are worth a block.
  static constexpr int kBlocks = 132 * Shape::kBlocks, kFewestSlices = 512 / Shape::kRowBytes;
};

template <class Shape>
size_t gemm_workspace_bytes(const Conv3dProblem& p, void*) {
  return GemmGrid<Shape>(p).workspace_bytes();
}
template <class Shape>
size_t gemm_zeroed_bytes(const Conv3dProblem& p) {
  return GemmGrid<Shape>(p).arrived_bytes;
}

extern const Conv3dKernel kConv3dDirect;

template <class T, class Shape>
void run_gemm(const Conv3dProblem& p, const Conv3dArgs& args, void* workspace, Queue queue) {
  static_assert(Shape::kM >= kPartPixels);
  const GemmGrid<Shape> grid(p);
  auto* arrived = static_cast<unsigned*>(workspace);
  auto* output_parts = static_cast<std::byte*>(workspace) + grid.arrived_bytes;
  auto* sums = reinterpret_cast<float*>(output_parts + grid.output_parts_bytes);
  if (!aligned_for_copies(args)) return kConv3dDirect.run(p, args, nullptr, output_parts, queue);
  const GemmChannels channels{p.c / p.groups, p.k / p.groups, grid.out_tiles(p), grid.reduction(p)};
  float* parts = p.sums ? reinterpret_cast<float*>(output_parts) : nullptr;
  launch(conv3d_gemm_kernel<T, Shape>,
         dim3(unsigned(grid.tiles), unsigned(p.groups), unsigned(grid.parts.count)),
         Shape::kThreads, Shape::kShared, queue, Windows(p), channels,
         static_cast<const T*>(args.x), static_cast<const T*>(args.w), Epilogue<T>(p, args, parts),
         grid.parts, MeetingPlace{arrived, sums});
  if (parts) add_output_parts(p, args, parts, grid.rows(p), queue);
}

// A row for one tile.
template <class Shape>
constexpr Conv3dKernel gemm_row(std::string_view name, bool (*can_run)(const Conv3dProblem&),
                                decltype(Conv3dKernel::run) run, bool exact = true) {
  return {.name = name,
          .exact = exact,
          .can_run = can_run,
          .workspace_bytes = gemm_workspace_bytes<Shape>,
          .zeroed_bytes = gemm_zeroed_bytes<Shape>,
          .run = run,
          .launches = gathering_launches};
}

}  // namespace sf::SF_DEVICE_NS
