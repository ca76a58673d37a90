// The gradient by weight where input channels are few. With o a pixel of an output frame, j a row
// of the window, v one of the 32 values that a row holds (tap along W, channel), f a frame of x and
// out(f, i) the output frame that sees it at tap i along T,
//
//     dw[k, i, j, v] = sum over f and o of dy[out(f, i), o, k] P[f, o, j, v]
//
// so that (i, k) are columns of one product, for each j. A block has 64 columns. It goes through
// tiles of o in frames of x, whose patch and whose columns of dy it brings to shared memory, and
// leaves its sums at the end.
#include "kernels/base/storage.h"
#include "kernels/conv3d/pixel_parts.h"
#include "kernels/conv3d/stem_patch.h"
#include "kernels/conv3d/tile.h"

namespace sf::SF_DEVICE_NS {
namespace {

constexpr int kTilePixels = kTileH * kTileW;
constexpr int kColumns = 64, kWarpColumns = kColumns / kWarps;
constexpr int kMostRows = 7;  // of a window
constexpr int kBlocks = 132 * 3;

template <class T>
constexpr int kGradientBytes = kColumns * int(sizeof(T));  // of a pixel

// Where a chunk of the tile of dy lies: such that neither the eight pixels of one chunk (half
// types) nor two neighbouring chunks of four pixels (TF32) share a bank.
template <class T>
SF_DEVICE int gradient_offset(int pixel, int chunk) {
  if constexpr (std::is_same_v<T, float>)
    return pixel * kGradientBytes<T> + (chunk ^ pixel % 4 * 2) * 16;
  return chunk_offset<kGradientBytes<T>>(pixel, chunk);
}

// From one to the next in a patch, in bytes.
struct PatchSteps {
  int pixel, row;           // of the tile
  int window_row, windows;  // of a window; how many it has

  template <class T>
  SF_DEVICE static PatchSteps of(const Windows& g, const Stem& s) {
    const int line = s.patch_w * 16;
    return {g.stride.w / kPixels<T> * 16, g.stride.h * line, g.dilation.h * line, g.size.h};
  }
  // Past the last row of a window: that row, for sums that nobody asks for.
  SF_DEVICE int window(int row_of_window) const {
    return minimum(row_of_window, windows - 1) * window_row;
  }
};

// A warp's sums for kRows rows of a window, on tensor cores; T: bf16, f16.
template <class T, int kRows_>
class TensorStemSums {
 public:
  static constexpr int kRows = kRows_;

  SF_DEVICE void multiply(const PatchSteps& steps, const std::byte* patch,
                          const std::byte* gradients, int column) {
    const int lane = lane_index();
    patch += (lane % 8 + lane / 16 * 8) * steps.pixel + lane / 8 % 2 * 16;
    gradients += gradient_offset<T>(lane % 16, column / 8 + lane / 16);
    for (int row = 0; row < kTileH; ++row) {
      uint32_t columns[2][2], pair[4];
      load_matrices<true>(pair, gradients);
#pragma unroll
      for (int i = 0; i < 4; ++i) columns[i / 2][i % 2] = pair[i];
#pragma unroll
      for (int j = 0; j < kRows; ++j) {
        uint32_t values[2][4];
#pragma unroll
        for (int i = 0; i < 2; ++i)
          load_matrices<true>(values[i], patch + steps.window(j) + 32 * i);
        mma_block<T>(sums_[j], values, columns);
      }
      patch += steps.row;
      gradients += kTileW * kGradientBytes<T>;
    }
  }

  // f(value, column of the warp, sum_of), where sum_of(j) is their sum for row j of a window.
  template <class F>
  SF_DEVICE void for_sums(const F& f) const {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int c = 0; c < 2; ++c)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          f(16 * i + g + e / 2 * 8, 8 * c + 2 * t + e % 2,
            [&](int j) { return sums_[j][i][c][e]; });
  }

 private:
  float sums_[kRows][2][2][4] = {};
};

// The same of float32 with its own products and sums. Lane (l / 8, l % 8) holds the four channels
// of tap l % 8 in four columns.
template <int kRows_>
class FmaStemSums {
 public:
  static constexpr int kRows = kRows_;

  SF_DEVICE void multiply(const PatchSteps& steps, const std::byte* patch,
                          const std::byte* gradients, int column) {
    patch += lane_index() % 8 * 16;
    const int chunk = column / 4 + lane_index() / 8;
    for (int row = 0; row < kTileH; ++row) {
#pragma unroll 4
      for (int pixel = 0; pixel < kTileW; ++pixel) {
        const auto columns = at(gradients + gradient_offset<float>(pixel, chunk));
        count_fma(kRows * 16);
#pragma unroll
        for (int j = 0; j < kRows; ++j) {
          const auto values = at(patch + pixel * steps.pixel + steps.window(j));
#pragma unroll
          for (int i = 0; i < 16; ++i) sums_[j][i / 4][i % 4] += values[i / 4] * columns[i % 4];
        }
      }
      patch += steps.row;
      gradients += kTileW * kGradientBytes<float>;
    }
  }

  template <class F>
  SF_DEVICE void for_sums(const F& f) const {
    const int y = lane_index() / 8, x = lane_index() % 8;
#pragma unroll
    for (int i = 0; i < 16; ++i)
      f(4 * x + i / 4, 4 * y + i % 4, [&](int j) { return sums_[j][i / 4][i % 4]; });
  }

 private:
  SF_DEVICE static Vec<float, 4> at(const std::byte* from) {
    return load<4>(reinterpret_cast<const float*>(from));
  }

  float sums_[kRows][4][4] = {};
};

// The same of float32 rounded to tf32, on tensor cores. Rows and columns of a fragment mean what a
// lane loads together: row g + 8 half of fragment i is channel 2 i + half of tap g, column g of
// fragment c is column 2 g + c.
template <int kRows_>
class Tf32StemSums {
 public:
  static constexpr int kRows = kRows_;

  SF_DEVICE void multiply(const PatchSteps& steps, const std::byte* patch,
                          const std::byte* gradients, int column) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    patch += t * steps.pixel + g * 16;
    gradients += gradient_offset<float>(t, column / 4 + g / 2) + g % 2 * 8;
    for (int row = 0; row < kTileH; ++row) {
#pragma unroll 1
      for (int pixel = 0; pixel < kTileW; pixel += 8) {
        uint32_t columns[2][2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const auto two = load<2>(reinterpret_cast<const float*>(
              gradients + (pixel + 4 * half) * kGradientBytes<float>));
#pragma unroll
          for (int c = 0; c < 2; ++c) columns[c][half] = to_tf32(two[c]);
        }
#pragma unroll
        for (int j = 0; j < kRows; ++j) {
          uint32_t values[2][4];
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const auto four = load<4>(reinterpret_cast<const float*>(
                patch + (pixel + 4 * half) * steps.pixel + steps.window(j)));
#pragma unroll
            for (int c = 0; c < 4; ++c) values[c / 2][c % 2 + 2 * half] = to_tf32(four[c]);
          }
          mma_block_tf32(sums_[j], values, columns);
        }
      }
      patch += steps.row;
      gradients += kTileW * kGradientBytes<float>;
    }
  }

  template <class F>
  SF_DEVICE void for_sums(const F& f) const {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int c = 0; c < 2; ++c)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          f(4 * g + 2 * i + e / 2, 2 * (2 * t + e % 2) + c,
            [&](int j) { return sums_[j][i][c][e]; });
  }

 private:
  float sums_[kRows][2][2][4] = {};
};

// A tile of output pixels in a frame of x.
struct StemUnit {
  int n, frame, h, w;

  SF_DEVICE StemUnit(const Windows& g, const Stem& s, int unit) {
    w = unit % s.tiles_w * kTileW, unit /= s.tiles_w;
    h = unit % s.tiles_h * kTileH, unit /= s.tiles_h;
    frame = unit % g.in.t, n = unit / g.in.t;
  }
  // The output frame, of all clips, that sees this one at a tap; -1 if there is none.
  SF_DEVICE int output_frame(const Windows& g, int tap) const {
    const int position = frame + g.pad.t - tap * g.dilation.t, t = position / g.stride.t;
    return position >= 0 && position % g.stride.t == 0 && t < g.out.t ? n * g.out.t + t : -1;
  }
  SF_DEVICE Corner corner(const Windows& g, const Stem& s) const {
    Corner at(g, (n * g.out.t * g.out.h + h) * g.out.w + w);
    at.t = frame;
    at.move(0, 0, -s.before);
    return at;
  }
};

int64_t units_of(const Conv3dProblem& p) {
  return int64_t{p.n} * p.t * ceil_div(p.out_h(), kTileH) * ceil_div(p.out_w(), kTileW);
}

// dy, whose columns are (tap along T, channel).
template <class T>
struct GradientColumns {
  const T* dy;
  int64_t pitch;
  int channels, count;
  bool vectors;  // lie in one tap, aligned

  GradientColumns(const Conv3dProblem& p, const T* dy_)
      : dy(dy_),
        pitch(p.y_pitch),
        channels(p.k),
        count(p.kt * p.k),
        vectors(aligned_for_vectors<T>(p.k, {p.y_pitch}, {dy})) {}

  // Brings 64 columns from `first` on to shared memory, zeros where there is no dy.
  SF_DEVICE void copy(const Windows& g, const StemUnit& unit, int first, std::byte* to) const {
    constexpr int kChunks = kColumns / kVec<T>, kStep = kThreads / kChunks;
    const int chunk = int(threadIdx.x) % kChunks, column = first + chunk * kVec<T>;
    const int pixel0 = int(threadIdx.x) / kChunks;
    if (vectors) {
      const Rows rows(*this, g, unit, column);
#pragma unroll 4
      for (int pixel = pixel0; pixel < kTilePixels; pixel += kStep) {
        const T* from = rows.at(pixel);
        async_copy<16>(to + gradient_offset<T>(pixel, chunk), from ? from : dy, from != nullptr);
      }
      return;
    }
    for (int i = 0; i < kVec<T>; ++i) {
      const Rows rows(*this, g, unit, column + i);
#pragma unroll 1
      for (int pixel = pixel0; pixel < kTilePixels; pixel += kStep) {
        const T* from = rows.at(pixel);
        store(reinterpret_cast<T*>(to + gradient_offset<T>(pixel, chunk)) + i,
              from ? load<1>(from) : Vec<T, 1>{});
      }
    }
  }

 private:
  // A column's values at the pixels of the tile.
  struct Rows {
    const T* first;
    int h, w, map_w;  // pixels of the tile that are inside; of the output
    int64_t pitch;

    SF_DEVICE Rows(const GradientColumns& of, const Windows& g, const StemUnit& unit, int column)
        : h(g.out.h - unit.h), w(g.out.w - unit.w), map_w(g.out.w), pitch(of.pitch) {
      const int frame = column < of.count ? unit.output_frame(g, column / of.channels) : -1;
      if (frame < 0) h = 0;
      first = of.dy + ((int64_t(frame) * g.out.h + unit.h) * g.out.w + unit.w) * pitch +
              column % of.channels;
    }
    // Null where there is none.
    SF_DEVICE const T* at(int pixel) const {
      const int row = pixel / kTileW, column = pixel % kTileW;
      return row < h && column < w ? first + int64_t(row * map_w + column) * pitch : nullptr;
    }
  };
};

template <class T, class Sums>
__global__ void __launch_bounds__(kThreads, 3)
    backward_weight_stem_kernel(Windows g, Stem s, const T* x, GradientColumns<T> gradients,
                                int units, int units_of_part, PartialSums sums) {
  auto* patch = dynamic_shared<std::byte>();
  std::byte* tile = patch + s.patch_bytes();
  const int first = int(blockIdx.y) * kColumns;
  // Those of a multiprocessor's blocks that have no columns are different warps.
  const int turn = int(blockIdx.x) * kWarps / int(gridDim.x);
  const int warp_column = (int(threadIdx.x) / kWarpSize + turn) % kWarps * kWarpColumns;
  const int first_tap = first / s.out_channels;
  const int last_tap = (minimum(first + kColumns, gradients.count) - 1) / s.out_channels;
  const auto steps = PatchSteps::of<T>(g, s);

  Sums products;
  const int begin = int(blockIdx.x) * units_of_part;
  for (int i = begin; i < minimum(begin + units_of_part, units); ++i) {
    const StemUnit unit(g, s, i);
    bool seen = false;
    for (int tap = first_tap; tap <= last_tap; ++tap) seen |= unit.output_frame(g, tap) >= 0;
    if (!seen) continue;
    gradients.copy(g, unit, first, tile);
    async_copy_commit();
    load_patch(g, s, x, unit.corner(g, s), patch);
    async_copy_wait<0>();
    __syncthreads();
    if (first + warp_column < gradients.count) products.multiply(steps, patch, tile, warp_column);
    __syncthreads();
  }

  float* dw = sums.dw + blockIdx.x * sums.pitch;
  products.for_sums([&](int value, int column, const auto& sum_of) {
    const int tap = value / kChannels - s.before, c = value % kChannels;
    column += first + warp_column;
    if (unsigned(tap) >= unsigned(g.size.w) || c >= s.channels || column >= gradients.count) return;
    const int k = column % s.out_channels, tap_t = column / s.out_channels;
    float* to = dw + (int64_t(k * g.size.t + tap_t) * g.size.h * g.size.w + tap) * s.channels + c;
#pragma unroll
    for (int j = 0; j < Sums::kRows; ++j)
      if (j < g.size.h) store(to + j * g.size.w * s.channels, Vec<float, 1>{{sum_of(j)}});
  });
}

template <class T>
size_t shared_bytes(const Stem& s) {
  return size_t(s.patch_bytes() + kTilePixels * kGradientBytes<T>);
}

template <class T>
bool fits(const Conv3dProblem& p) {
  return patch_fits<T>(p) && shared_bytes<T>(Stem(p, static_cast<const T*>(nullptr))) <= kMaxShared;
}

unsigned column_blocks(const Conv3dProblem& p) { return unsigned(ceil_div(p.kt * p.k, kColumns)); }

bool can_run(const Conv3dProblem& p) {
  constexpr int64_t kMost = int64_t{1} << 30;
  if (!is_storage(p.dtype) || !pixels_fit(p) || p.kh > kMostRows) return false;
  return (p.dtype == DType::f32 ? fits<float>(p) : fits<bf16>(p)) && units_of(p) <= kMost &&
         int64_t{p.kt} * p.k <= 65535 * int64_t{kColumns};
}

// Of the units; .pixels counts them.
PixelParts unit_parts(const Conv3dProblem& p) {
  return pixel_parts(units_of(p), kBlocks / column_blocks(p), 1);
}

// As many parts of the pixels: for the bias, whose sums are over the same, shared out otherwise.
PixelParts parts_of(const Conv3dProblem& p) {
  const int count = unit_parts(p).count;
  return {ceil_div(p.out_pixels(), count), count};
}

size_t workspace_bytes(const Conv3dProblem& p, void*) { return workspace_of(p, parts_of(p)); }

int launches(const Conv3dProblem& p) { return launches_of(p, parts_of(p)); }

template <class T, int kRows, bool kTf32>
using StemSums =
    std::conditional_t<!std::is_same_v<T, float>, TensorStemSums<T, kRows>,
                       std::conditional_t<kTf32, Tf32StemSums<kRows>, FmaStemSums<kRows>>>;

template <class T, class Sums>
void start(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args, const PixelParts& units,
           const PartialSums& sums, Queue queue) {
  const auto *x = static_cast<const T*>(args.x), *dy = static_cast<const T*>(args.dy);
  const Stem s(p, x);
  const dim3 grid(unsigned(units.count), column_blocks(p));
  launch(backward_weight_stem_kernel<T, Sums>, grid, kThreads, shared_bytes<T>(s), queue,
         Windows(p), s, x, GradientColumns<T>(p, dy), int(units_of(p)), int(units.pixels), sums);
}

template <bool kTf32>
void run(const Conv3dProblem& p, const Conv3dBackwardWeightArgs& args, void*, void* workspace,
         Queue queue) {
  const PixelParts units = unit_parts(p), parts = parts_of(p);
  const PartialSums sums(p, args, parts, workspace);
  const auto start_as = [&](auto t) {
    using T = decltype(t);
    if (p.kh <= 3)
      start<T, StemSums<T, 3, kTf32>>(p, args, units, sums, queue);
    else
      start<T, StemSums<T, kMostRows, kTf32>>(p, args, units, sums, queue);
  };
  if constexpr (kTf32)
    start_as(float{});
  else
    with_storage(p.dtype, start_as);
  if (p.bias) add_pixels(p, args, parts, sums, queue);
  add_parts(p, args, parts, workspace, queue);
}

}  // namespace

extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightStem{
    .name = "stem",
    .can_run = can_run,
    .workspace_bytes = workspace_bytes,
    .run = run<false>,
    .launches = launches};
extern constinit const Conv3dBackwardWeightKernel kConv3dBackwardWeightStemTf32{
    .name = "stem_tf32",
    .exact = false,
    .can_run = [](const Conv3dProblem& p) { return p.tf32 && p.dtype == DType::f32 && can_run(p); },
    .workspace_bytes = workspace_bytes,
    .run = run<true>,
    .launches = launches};

}  // namespace sf::SF_DEVICE_NS
