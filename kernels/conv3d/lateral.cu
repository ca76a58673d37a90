// Windows over time alone, of few channels, as the fusions from the fast pathway to the slow one. A
// block walks through the frames of some pixels: a ring in shared memory holds the frames of one
// window and those that the next one adds, so x is read once. All weights stay there too.
#include "kernels/base/storage.h"
#include "kernels/conv3d/epilogue.h"
#include "kernels/conv3d/tile.h"
#include "kernels/conv3d/window.h"

namespace sf::SF_DEVICE_NS {

extern const Conv3dKernel kConv3dDirect;

namespace {

constexpr int kPixels = kPartPixels, kThreads = 128;
constexpr int kTileBytes = 64, kTileChunks = kTileBytes / 16;  // of the weights
constexpr int kMaxShared = 96 << 10;

// kC channels in, up to 2 kC out. Tile: a warp's.
template <class T, int kC_, int kWarpM, int kWarpN>
struct LateralShape {
  using Tile = std::conditional_t<std::is_same_v<T, float>, FmaTile<kWarpM, kWarpN>,
                                  TensorTile<T, kWarpM, kWarpN>>;
  static constexpr int kC = kC_, kN = 2 * kC;
  static constexpr int kWarpsM = kPixels / kWarpM, kWarpsN = kN / kWarpN;
  static_assert(kWarpsM * kWarpsN == kThreads / kWarpSize);
  static constexpr int kRowBytes = kC * int(sizeof(T)), kChunks = kRowBytes / 16;
  static_assert(kRowBytes <= 64, "rows two apart, as FmaTile has them, are permuted alike");
  static constexpr int kFrameBytes = kPixels * kRowBytes;
  static constexpr int kStripBytes = kThreads / kWarpSize * kStripFloats<Tile> * int(sizeof(float));
};

struct Lateral {
  int in_t, out_t, map;  // frames, and pixels of each
  int taps, stride, pad, dilation;
  int fresh, slots;  // frames that a window has and the one before has not; of the ring
  int outputs;       // frames of y that a block makes
  int parts;         // of out_t
  int k;
  int64_t pitch;

  explicit Lateral(const Conv3dProblem& p)
      : in_t(p.t),
        out_t(p.out_t()),
        map(p.h * p.w),
        taps(p.kt),
        stride(p.stride[0]),
        pad(p.pad[0]),
        dilation(p.dilation[0]),
        fresh(p.stride[0] % p.dilation[0] == 0 ? minimum(p.stride[0] / p.dilation[0], p.kt) : p.kt),
        slots(taps + fresh),
        k(p.k),
        pitch(p.x_pitch) {
    const int64_t columns = int64_t{p.n} * ceil_div(map, kPixels);
    parts = int(minimum<int64_t>(ceil_div(out_t, 2), maximum<int64_t>(1, kEnoughBlocks / columns)));
    outputs = ceil_div(out_t, parts);
    parts = ceil_div(out_t, outputs);
  }

  int weight_tiles(int chunks) const { return ceil_div(taps * chunks, kTileChunks); }

 private:
  static constexpr int64_t kEnoughBlocks = 256;
};

template <class T, class Shape>
__global__ void __launch_bounds__(kThreads, 4)
    conv3d_lateral_kernel(Lateral g, const T* x, const T* w, Epilogue<T> epilogue) {
  using S = Shape;
  using Tile = typename S::Tile;
  auto* strips = dynamic_shared<std::byte>();
  std::byte* ring = strips + S::kStripBytes;
  std::byte* weights = ring + g.slots * S::kFrameBytes;
  const int thread = int(threadIdx.x), warp = thread / kWarpSize;
  const int tiles = ceil_div(g.map, kPixels);
  const int pixel0 = int(blockIdx.x) % tiles * kPixels;
  const int first = int(blockIdx.x) / tiles % g.parts * g.outputs;
  const int n = int(blockIdx.x) / tiles / g.parts;
  const int last = minimum(first + g.outputs, g.out_t);

  const int weight_tiles = ceil_div(g.taps * S::kChunks, kTileChunks);
  for (int i = thread; i < weight_tiles * S::kN * kTileChunks; i += kThreads) {
    const int row = i / kTileChunks, k = row % S::kN;
    const int chunk = row / S::kN * kTileChunks + i % kTileChunks;
    const bool exists = k < g.k && chunk < g.taps * S::kChunks;
    async_copy<16>(weights + chunk_offset<kTileBytes>(row, i % kTileChunks),
                   exists ? w + int64_t(k) * g.taps * S::kC + chunk * kVec<T> : w, exists);
  }

  // The frames that taps from `from` on of output frame t see. The ring counts on by `fresh` with
  // each output.
  const auto copy_frames = [&](int t, int from) {
    for (int i = thread; i < (g.taps - from) * kPixels * S::kChunks; i += kThreads) {
      const int tap = from + i / (kPixels * S::kChunks);
      const int row = i / S::kChunks % kPixels, chunk = i % S::kChunks;
      const int slot = ((t - first) * g.fresh + tap) % g.slots;
      const int frame = t * g.stride - g.pad + tap * g.dilation;
      const bool inside = unsigned(frame) < unsigned(g.in_t) && pixel0 + row < g.map;
      const int64_t pixel = (int64_t(n) * g.in_t + frame) * g.map + pixel0 + row;
      async_copy<16>(ring + slot * S::kFrameBytes + chunk_offset<S::kRowBytes>(row, chunk),
                     inside ? x + pixel * g.pitch + chunk * kVec<T> : x, inside);
    }
    async_copy_commit();
  };
  copy_frames(first, 0);

  const int warp_m = warp / S::kWarpsN * Tile::kM, warp_n = warp % S::kWarpsN * Tile::kN;
  const int lane_row = warp_m + Tile::lane_row();
  for (int t = first; t < last; ++t) {
    async_copy_wait<0>();
    __syncthreads();
    if (t + 1 < last) copy_frames(t + 1, g.taps - g.fresh);
    const int slot0 = (t - first) * g.fresh % g.slots;
    Tile tile(0, warp_n);
    for (int i = 0; i < weight_tiles; ++i) {
      // The last tile may go past the last tap, with weights of zero: it sees that tap again.
      const auto a_row = [&](int fragment, int step) {
        const int q = i * kTileChunks + step / 16 + Tile::lane_chunk();
        int slot = slot0 + minimum(q / S::kChunks, g.taps - 1);
        slot -= slot >= g.slots ? g.slots : 0;
        return ring + slot * S::kFrameBytes + chunk_offset<S::kRowBytes>(lane_row, q % S::kChunks) +
               Tile::row_of(fragment) * S::kRowBytes;
      };
      tile.multiply_rows(a_row, weights + i * S::kN * kTileBytes);
    }
    auto* sums = reinterpret_cast<float*>(strips);
    epilogue.store_tile(tile, sums, warp_n, g.k, [&](int row) {
      const int at = pixel0 + warp_m + row;
      return at < g.map ? (n * g.out_t + t) * g.map + at : -1;
    });
    epilogue.template store_part<Tile, S::kWarpsM, S::kWarpsN>(
        sums, int64_t(n * g.out_t + t) * tiles + pixel0 / kPixels, g.k, 0, g.k);
  }
}

template <class T, class Shape>
size_t shared_bytes(const Lateral& g) {
  return size_t(Shape::kStripBytes + g.slots * Shape::kFrameBytes +
                g.weight_tiles(Shape::kChunks) * Shape::kN * kTileBytes);
}

template <class T>
using Lateral8 = LateralShape<T, 8, 16, 16>;
template <class T>
using Lateral16 = LateralShape<T, 16, 32, 16>;
template <class T>
using Lateral32 = LateralShape<T, 32, 32, 32>;

// f(Shape) of the channels.
template <class T, class F>
bool with_shape(const Conv3dProblem& p, const F& f) {
  switch (p.c) {
    case 8: return f(Lateral8<T>{});
    case 16: return f(Lateral16<T>{});
    case 32:
      if constexpr (sizeof(T) == 2) return f(Lateral32<T>{});
      [[fallthrough]];
    default: return false;
  }
}

bool can_run(const Conv3dProblem& p) {
  const bool over_time = p.kh == 1 && p.kw == 1 && p.stride[1] == 1 && p.stride[2] == 1 &&
                         p.pad[1] == 0 && p.pad[2] == 0;
  const bool few_channels = p.groups == 1 && p.c <= p.k && p.k <= 2 * p.c;
  if (!is_storage(p.dtype) || !over_time || !few_channels || p.kt == 1) return false;
  bool fits = false;
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    fits = p.x_pitch % kVec<T> == 0 && with_shape<T>(p, [&](auto shape) {
             return shared_bytes<T, decltype(shape)>(Lateral(p)) <= kMaxShared;
           });
  });
  return fits && pixels_fit(p);
}

// 64 pixels of a frame each.
int64_t output_parts(const Conv3dProblem& p) {
  return int64_t{p.n} * p.out_t() * ceil_div(p.h * p.w, kPixels);
}

size_t workspace_bytes(const Conv3dProblem& p, void*) {
  return output_parts_bytes(p, output_parts(p));
}

void run(const Conv3dProblem& p, const Conv3dArgs& args, void* prepared, void* workspace,
         Queue queue) {
  if (!aligned_for_copies(args)) return kConv3dDirect.run(p, args, prepared, workspace, queue);
  const Lateral g(p);
  float* parts = p.sums ? static_cast<float*>(workspace) : nullptr;
  const auto blocks = int64_t{p.n} * g.parts * ceil_div(g.map, kPixels);
  with_storage(p.dtype, [&](auto t) {
    using T = decltype(t);
    with_shape<T>(p, [&](auto shape) {
      using Shape = decltype(shape);
      launch(conv3d_lateral_kernel<T, Shape>, blocks, kThreads, shared_bytes<T, Shape>(g), queue, g,
             static_cast<const T*>(args.x), static_cast<const T*>(args.w),
             Epilogue<T>(p, args, parts));
      return true;
    });
  });
  if (parts) add_output_parts(p, args, parts, output_parts(p), queue);
}

}  // namespace

extern constinit const Conv3dKernel kConv3dLateral{.name = "lateral",
                                                   .can_run = can_run,
                                                   .workspace_bytes = workspace_bytes,
                                                   .run = run,
                                                   .launches = gathering_launches};

}  // namespace sf::SF_DEVICE_NS
