// Few input channels: the windows' rows are rows of a tile, as they lie in a patch of x.
#include "kernels/base/storage.h"
#include "kernels/conv3d/epilogue.h"
#include "kernels/conv3d/stem_patch.h"
#include "kernels/conv3d/tile.h"

namespace sf::SF_DEVICE_NS {
namespace {

constexpr int kTileBytes = 64;  // a row of a tile

template <class T>
constexpr int kTiles = kTaps / kPixels<T> / 4;  // of a row of windows

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

template <class T, class Tile>
__global__ void __launch_bounds__(kThreads, 3)
    conv3d_stem_kernel(Windows g, Stem s, const T* x, const T* packed, Epilogue<T> epilogue) {
  auto* patch = dynamic_shared<std::byte>();
  std::byte* weights = patch + s.patch_bytes();
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
    load_patch(g, s, x, from, patch);
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
  const int operands = s.patch_bytes() + p.kh * kTiles<T> * Tile::kN * kTileBytes;
  return size_t(maximum(operands, kWarps * kStripFloats<Tile> * int(sizeof(float))));
}

// For up to 16 channels, and for more.
template <class T>
using Narrow = std::conditional_t<std::is_same_v<T, float>, FmaTile<32, 16>, TensorTile<T, 32, 16>>;
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, FmaTile<32, 32>, TensorTile<T, 32, 64>>;

template <class T>
bool fits(const Conv3dProblem& p) {
  return patch_fits<T>(p) && shared_bytes<T, Wide<T>>(p) <= kMaxShared;
}

bool can_run(const Conv3dProblem& p) {
  return is_storage(p.dtype) && pixels_fit(p) &&
         (p.dtype == DType::f32 ? fits<float>(p) : fits<bf16>(p));
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
