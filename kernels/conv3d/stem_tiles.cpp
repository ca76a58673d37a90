// Windows of 1 x kh x 7 over few input channels, with a stride of two along W: Winograd's algorithm
// along W, four outputs of a row a tile. Transforms are in vectors of neighbouring tiles, products
// in vectors of output channels.
#include "kernels/conv3d/stem_tiles.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3d/stem_tiles.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/base/element.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/panel_product-inl.h"
#include "kernels/conv3d/stem_planes-inl.h"
#include "kernels/conv3d/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

using Product = RowsByPanels<float, FactorColumns>;

static_assert(StemTiles::kTaps == WinogradStem::kTaps);
static_assert(StemTiles::kOut == WinogradStem::kOut);
static_assert(StemTiles::kPositions == WinogradStem::kPositions);
static_assert(StemTiles::kShared == WinogradStem::kShared);
static_assert(StemTiles::kPixels == 2 * WinogradStem::kOut);

// The tasks of one thread, x and y of type T.
template <class T>
class StemTilesTask {
 public:
  StemTilesTask(const Conv3dProblem& p, const Conv3dArgs& args, const StemTiles& tiles,
                float* memory)
      : p_(p),
        tiles_(tiles),
        x_(static_cast<const T*>(args.x)),
        weights_(static_cast<const float*>(args.w)),
        store_(p, args),
        windows_(memory),
        sums_(windows_ + tiles.windows_floats()),
        planes_(sums_ + tiles.sums_floats()),
        scratch_(planes_ + tiles.planes_floats()) {}

  void run(int64_t task) const {
    const int64_t map = task / tiles_.strips, clip = map / p_.out_t();
    const int64_t frame = clip * p_.t + map % p_.out_t() * p_.stride[0];
    const int first = int(task % tiles_.strips) * tiles_.rows;
    const int last = std::min(first + tiles_.rows, p_.out_h());
    const int in_first = first * p_.stride[1] - p_.pad[1];
    const int in_last = (last - 1) * p_.stride[1] - p_.pad[1] + p_.kh;
    for (int h = in_first; h < in_last; ++h) {
      const bool inside = h >= 0 && h < p_.h;
      transform_row(inside ? x_ + (frame * p_.h + h) * p_.w * p_.x_pitch : nullptr, h - in_first);
    }
    for (int h = first; h < last; ++h)
      for (int64_t group = 0; group < tiles_.groups.count; ++group) {
        const int64_t from = tiles_.groups.first(group), count = tiles_.groups.size(group);
        for (int at = 0; at < StemTiles::kPositions; ++at)
          multiply(at, (h - first) * p_.stride[1], from, count);
        const int64_t row = (map * p_.out_h() + h) * p_.out_w();
        for (int64_t i = 0; i < count; ++i) store_tile(i, row, (from + i) * StemTiles::kOut);
      }
  }

 private:
  float* windows(int position, int row) const {
    return windows_ + (tiles_.first_value(position) + row * tiles_.values(position)) * tiles_.pitch;
  }

  // A row of x, null for one of zeros, to row `to` of the transformed windows.
  void transform_row(const T* row, int to) const {
    if (row == nullptr) {
      for (int at = 0; at < StemTiles::kPositions; ++at)
        std::fill_n(windows(at, to), tiles_.values(at) * tiles_.pitch, 0.F);
      return;
    }
    const int64_t columns = tiles_.columns();
    for (int i = 0; i < StemTiles::kPixels; ++i)
      split_row(p_, StemTiles::kPixels, row, i - p_.pad[2], columns, scratch_,
                planes_ + i * p_.c * columns);
    const WideLanes d;
    for (int c = 0; c < p_.c; ++c)
      for (int64_t tile = 0; tile < tiles_.pitch; tile += int64_t(hn::Lanes(d))) {
        const auto pixel = [&](int i) HWY_ATTR {
          const int plane = i % StemTiles::kPixels, next = i / StemTiles::kPixels;
          return hn::LoadU(d, planes_ + (plane * p_.c + c) * columns + tile + next);
        };
        constexpr int kEven = (WinogradStem::kIn + 1) / 2, kOdd = WinogradStem::kIn / 2;
        hn::Vec<WideLanes> in[kEven], out[StemTiles::kPositions];
#pragma GCC unroll 8
        for (int i = 0; i < kEven; ++i) in[i] = pixel(2 * i);
        WinogradStem::input_even(d, in, out);
#pragma GCC unroll 8
        for (int at = 0; at < StemTiles::kPositions; ++at)
          hn::StoreU(out[at], d, windows(at, to) + c * tiles_.pitch + tile);
#pragma GCC unroll 8
        for (int i = 0; i < kOdd; ++i) in[i] = pixel(2 * i + 1);
        WinogradStem::input_odd(d, in, out);
#pragma GCC unroll 8
        for (int at = 0; at < StemTiles::kShared; ++at)
          hn::StoreU(out[at], d, windows(at, to) + (p_.c + c) * tiles_.pitch + tile);
      }
  }

  // The sums of `count` tiles at a position, over windows from a row on.
  void multiply(int at, int row, int64_t tile, int64_t count) const {
    const Product product{.a = windows(at, row) + tile,
                          .a_pitch = tiles_.pitch,
                          .rows = count,
                          .depth = tiles_.depth(at),
                          .panels = weights_ + tiles_.first_weight(at) * p_.k,
                          .n = p_.k};
    const PlainStore sums{sums_at(at), tiles_.sums_pitch};
    with_vectors_of(p_.k, [&](auto d) HWY_ATTR { product.multiply(d, 0, p_.k, sums); });
  }
  float* sums_at(int position) const {
    return sums_ + position * tiles_.groups.largest() * tiles_.sums_pitch;
  }

  // Tile i of a group to the pixels of a row of y from w on, those past its end left out.
  void store_tile(int64_t i, int64_t row, int64_t w) const {
    const int64_t outputs = std::min<int64_t>(StemTiles::kOut, p_.out_w() - w);
    with_vectors_of(p_.k, [&](auto d) HWY_ATTR {
      for (int k = 0; k < p_.k; k += int(hn::Lanes(d))) {
        hn::Vec<decltype(d)> in[StemTiles::kPositions], out[StemTiles::kOut];
#pragma GCC unroll 8
        for (int at = 0; at < StemTiles::kPositions; ++at)
          in[at] = hn::LoadU(d, sums_at(at) + i * tiles_.sums_pitch + k);
        WinogradStem::output(d, in, out);
        const auto y = store_.at(row + w, k);
#pragma GCC unroll 4
        for (int o = 0; o < StemTiles::kOut; ++o)
          if (o < outputs) y(d, o, 0, out[o]);
      }
    });
  }

  const Conv3dProblem& p_;
  const StemTiles& tiles_;
  const T* x_;
  const float* weights_;
  OutputStore<T> store_;
  float *windows_, *sums_, *planes_, *scratch_;
};

void run_stem_tiles(const Conv3dProblem& p, const Conv3dArgs& args, const StemTiles& tiles,
                    float* workspace) {
  with_lanes(p.dtype, [&](auto type) HWY_ATTR {
    const int64_t tasks = int64_t{p.n} * p.out_t() * tiles.strips;
    parallel_for_slots(tasks, tiles.slots, [&](int64_t slot, int64_t i) HWY_ATTR {
      float* memory = workspace + slot * tiles.slot_floats();
      StemTilesTask<decltype(type)>(p, args, tiles, memory).run(i);
    });
  });
}

// Transforms kTaps taps of a filter, `step` apart, for a position.
template <class T, size_t kPositions, size_t kTaps>
float transformed_tap(const double (&filter)[kPositions][kTaps], int position, const T* taps,
                      int64_t step) {
  double sum = 0;
  for (size_t i = 0; i < kTaps; ++i)
    sum += filter[position][i] * double(float(taps[int64_t(i) * step]));
  return float(sum);
}

void pack_stem_tiles(const Conv3dProblem& p, const StemTiles& tiles, const void* weights,
                     float* packed) {
  with_lanes(p.dtype, [&](auto type) HWY_ATTR {
    const auto* all = static_cast<const decltype(type)*>(weights);
    with_vectors_of(p.k, [&](auto d) HWY_ATTR {
      for (int k = 0; k < p.k; ++k)
        for (int h = 0; h < p.kh; ++h)
          for (int c = 0; c < p.c; ++c) {
            const auto* taps = all + ((int64_t{k} * p.kh + h) * p.kw) * p.c + c;
            for (int at = 0; at < StemTiles::kPositions; ++at) {
              float* to = packed + tiles.first_weight(at) * p.k;
              const auto place = [&](int value) {
                return Product::offset(d, tiles.depth(at), p.k, h * tiles.values(at) + value, k);
              };
              to[place(c)] = transformed_tap(WinogradStem::kEvenFilter, at, taps, 2 * p.c);
              if (at < StemTiles::kShared)
                to[place(p.c + c)] =
                    transformed_tap(WinogradStem::kOddFilter, at, taps + p.c, 2 * p.c);
            }
          }
    });
  });
}

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(run_stem_tiles);
HWY_EXPORT(pack_stem_tiles);

bool can_run(const Conv3dProblem& p) {
  return p.winograd && has_lanes(p.dtype) && !p.sums && p.groups == 1 && p.c <= 4 && p.k % 8 == 0 &&
         p.kt == 1 && p.kh <= 7 && p.kw == StemTiles::kTaps && p.stride[2] == 2 && p.pad[0] == 0 &&
         p.dilation == std::array{1, 1, 1};
}

// Measured on Zen 4, with AVX-512 and limited to AVX2, in float32 and, with AVX-512, in bf16.
bool worth(const Conv3dProblem& p) { return p.kh * p.c >= 16 && p.k >= 32; }

std::shared_ptr<void> prepare(const Conv3dProblem& p) {
  return std::make_shared<StemTiles>(p, max_threads());
}

const StemTiles& tiles_of(void* prepared) { return *static_cast<const StemTiles*>(prepared); }

size_t workspace_bytes(const Conv3dProblem&, void* prepared) {
  const StemTiles& tiles = tiles_of(prepared);
  return size_t(tiles.slots * tiles.slot_floats()) * sizeof(float);
}

size_t packed_bytes(const Conv3dProblem& p, void* prepared) {
  return size_t(tiles_of(prepared).all_weights() * p.k) * sizeof(float);
}

void pack(const Conv3dProblem& p, const void* weights, void* packed, void* prepared) {
  HWY_DYNAMIC_DISPATCH(pack_stem_tiles)
  (p, tiles_of(prepared), weights, static_cast<float*>(packed));
}

void run(const Conv3dProblem& p, const Conv3dArgs& a, void* prepared, void* workspace, Queue) {
  HWY_DYNAMIC_DISPATCH(run_stem_tiles)(p, a, tiles_of(prepared), static_cast<float*>(workspace));
}

}  // namespace

extern constinit const Conv3dKernel kConv3dStemTiles{.name = "stem_winograd_w4",
                                                     .exact = false,
                                                     .can_run = can_run,
                                                     .worth = worth,
                                                     .prepare = prepare,
                                                     .workspace_bytes = workspace_bytes,
                                                     .packed_bytes = packed_bytes,
                                                     .pack = pack,
                                                     .run = run};

}  // namespace sf
#endif  // HWY_ONCE
