// Windows of kt x 7 x 7 over few input channels, with a stride of two along H and W: Winograd's
// algorithm along both, 4 x 4 outputs a tile. Transforms of windows are in vectors of neighbouring
// tiles, products and what becomes of them in vectors of output channels.
#include "kernels/conv3d/stem_winograd.h"

#include <algorithm>

#include "kernels/base/state_row.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3d/stem_winograd.cpp"
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

// Where output channels fill no vectors, tiles do: then windows are the panel that rows of weights
// are multiplied with, instead of the other way round.
bool tiles_fill_vectors(const Conv3dProblem& p) {
  constexpr int kWidest = kPanelVectors * int(hn::MaxLanes(WideLanes()));
  return p.k % 16 != 0 && StemTiles::kTiles <= kWidest;
}

static_assert(StemTiles::kTaps == WinogradStem::kTaps);
static_assert(StemTiles::kIn == WinogradStem::kIn);
static_assert(StemTiles::kOut == WinogradStem::kOut);
static_assert(StemTiles::kPositions == WinogradStem::kPositions);
static_assert(StemTiles::kShared == WinogradStem::kShared);

// kIn values, `from(i)` the i-th, to `to(position, odd, value)` for each position and parity.
template <class D, class From, class To>
HWY_INLINE void transform_line(D d, const From& from, const To& to) {
  constexpr int kEven = (WinogradStem::kIn + 1) / 2, kOdd = WinogradStem::kIn / 2;
  hn::Vec<D> in[kEven], out[StemTiles::kPositions];
#pragma GCC unroll 8
  for (int i = 0; i < kEven; ++i) in[i] = from(2 * i);
  WinogradStem::input_even(d, in, out);
#pragma GCC unroll 8
  for (int at = 0; at < StemTiles::kPositions; ++at) to(at, 0, out[at]);
#pragma GCC unroll 8
  for (int i = 0; i < kOdd; ++i) in[i] = from(2 * i + 1);
  WinogradStem::input_odd(d, in, out);
#pragma GCC unroll 8
  for (int at = 0; at < StemTiles::kShared; ++at) to(at, 1, out[at]);
}

// Four values at each of as many places, `step` apart, as there are lanes: out[i] has the i-th
// ones.
#if HWY_TARGET == HWY_SCALAR
template <class D, class V = hn::Vec<D>>
HWY_INLINE void load_fours(D d, const float* from, int64_t, V (&out)[4]) {
  for (int i = 0; i < 4; ++i) out[i] = hn::LoadU(d, from + i);
}
#else
// Of every fourth place.
template <class D>
HWY_INLINE hn::Vec<D> load_blocks(D d, const float* from, int64_t step) {
  if constexpr (hn::MaxLanes(D()) > 4) {
    const hn::Half<D> half;
    const int64_t halfway = int64_t(hn::Lanes(half)) * step;
    return hn::Combine(d, load_blocks(half, from + halfway, step), load_blocks(half, from, step));
  } else {
    return hn::LoadU(d, from);
  }
}
template <class D, class V = hn::Vec<D>>
HWY_INLINE void load_fours(D d, const float* from, int64_t step, V (&out)[4]) {
  const hn::Repartition<uint64_t, D> pairs;
  const auto low = [&](V a, V b) HWY_ATTR {
    return hn::BitCast(d, hn::InterleaveLower(pairs, hn::BitCast(pairs, a), hn::BitCast(pairs, b)));
  };
  const auto high = [&](V a, V b) HWY_ATTR {
    return hn::BitCast(d, hn::InterleaveUpper(pairs, hn::BitCast(pairs, a), hn::BitCast(pairs, b)));
  };
  V in[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) in[i] = load_blocks(d, from + i * step, step);
  const V low01 = hn::InterleaveLower(d, in[0], in[1]),
          low23 = hn::InterleaveLower(d, in[2], in[3]);
  const V high01 = hn::InterleaveUpper(d, in[0], in[1]),
          high23 = hn::InterleaveUpper(d, in[2], in[3]);
  out[0] = low(low01, low23), out[1] = high(low01, low23);
  out[2] = low(high01, high23), out[3] = high(high01, high23);
}
#endif

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
        lines_(sums_ + tiles.sums_floats()),
        planes_(lines_ + tiles.lines_floats()),
        zeros_(planes_ + tiles.planes_floats()),
        outputs_(zeros_ + tiles.line) {
    std::fill_n(zeros_, tiles.line, 0.F);
  }

  void run(int64_t task) {
    const int64_t span = task / tiles_.rows % tiles_.spans.count;
    clip_ = task / tiles_.rows / tiles_.spans.count;
    row_ = task % tiles_.rows;
    const auto first = int(tiles_.spans.first(span)), last = int(tiles_.spans.first(span + 1));
    // The first frame that output frame t sees, counted from that of the first one.
    const auto seen = [&](int t) { return (t - first) * p_.stride[0]; };
    const int origin = first * p_.stride[0] - p_.pad[0];
    for (int64_t group = 0; group < tiles_.groups.count; ++group) {
      first_tile_ = tiles_.groups.first(group), count_ = tiles_.groups.size(group);
      int next = 0;  // the first frame that is not transformed
      for (int t = first; t < last; ++t) {
        for (next = std::max(next, seen(t)); next < seen(t) + p_.kt; ++next)
          transform_frame(origin + next, next % p_.kt);
        run_frame(t, seen(t) % p_.kt);
      }
    }
  }

 private:
  // From a frame of the ring on.
  float* windows(int h, int w, int64_t frame) const {
    const int64_t values =
        tiles_.values_before(h, w) * tiles_.frames() + frame * tiles_.values(h, w);
    return windows_ + values * StemTiles::kTiles;
  }

  // What the group sees of a frame, which may be padding, to a place in the ring.
  void transform_frame(int frame, int64_t to) const {
    const bool inside = frame >= 0 && frame < p_.t;
    if (inside) transform_columns(frame);
    for (int h = 0; h < StemTiles::kPositions; ++h)
      for (int odd = 0; odd < StemTiles::parities(h); ++odd)
        transform_row(inside ? line(h, odd) : nullptr, h, odd, to);
  }

  // What is seen of rows of x, transformed along H: as pixels, with zeros around x.
  float* line(int position, int odd) const {
    return lines_ + (odd * StemTiles::kPositions + position) * tiles_.line;
  }

  void transform_columns(int frame) const {
    // A group may lie in the padding as a whole.
    const int64_t begin = first_tile_ * StemTiles::kPixels - p_.pad[2];
    const int64_t first = std::clamp<int64_t>(begin, 0, p_.w);
    const int64_t last = std::clamp<int64_t>(begin + StemTiles::kSeen, first, p_.w);
    const int64_t before = last > first ? (first - begin) * p_.x_pitch : 0;
    const int64_t values = last > first ? (last - first - 1) * p_.x_pitch + p_.c : 0;
    for (int i = 0; i < StemTiles::kIn; ++i) {
      std::fill_n(lines_ + i * tiles_.line, before, 0.F);
      std::fill_n(lines_ + i * tiles_.line + before + values, tiles_.line - before - values, 0.F);
    }
    const T* rows[StemTiles::kIn];
    for (int i = 0; i < StemTiles::kIn; ++i) {
      const int64_t h = row_ * StemTiles::kPixels - p_.pad[1] + i;
      const int64_t row = (clip_ * p_.t + frame) * p_.h + h;
      rows[i] = h >= 0 && h < p_.h ? x_ + (row * p_.w + first) * p_.x_pitch
                                   : reinterpret_cast<const T*>(zeros_);
    }
    const auto transform = [&](auto d, int64_t at) HWY_ATTR {
      transform_line(
          d, [&](int i) HWY_ATTR { return load(d, rows[i] + at); },
          [&](int position, int odd, auto value)
              HWY_ATTR { hn::StoreU(value, d, line(position, odd) + before + at); });
    };
    for_lanes(values, transform);
  }

  // A line, null for one of zeros, along W.
  void transform_row(const float* line, int h, int odd_h, int64_t frame) const {
    constexpr int kTiles = StemTiles::kTiles, kPixels = StemTiles::kPixels,
                  kPlane = StemTiles::kPlane;
    if (line) to_planes(line);
    const WideLanes d;
    for (int c = 0; c < p_.c; ++c)
      for (int64_t tile = 0; tile < kTiles; tile += int64_t(hn::Lanes(d)))
        transform_line(
            d,
            [&](int i) HWY_ATTR {
              if (!line) return hn::Zero(d);
              return hn::LoadU(d, planes_ + (i % kPixels * p_.c + c) * kPlane + i / kPixels + tile);
            },
            [&](int w, int odd_w, auto value) HWY_ATTR {
              const int64_t at = (odd_h * StemTiles::parities(w) + odd_w) * p_.c + c;
              float* to = windows(h, w, frame) + at * kTiles + tile;
              hn::StoreU(value, d, to);
              if (p_.kt > 1) hn::StoreU(value, d, to + p_.kt * tiles_.values(h, w) * kTiles);
            });
  }

  // Pixel i of the windows of all tiles, and the first pixels of the tile after them:
  // [i][channel][tile].
  void to_planes(const float* line) const {
    constexpr int kTiles = StemTiles::kTiles, kPixels = StemTiles::kPixels,
                  kPlane = StemTiles::kPlane;
    const WideLanes d;
    const int64_t step = kPixels * p_.x_pitch;
    for (int i = 0; i < kPixels; ++i) {
      float* plane = planes_ + i * p_.c * kPlane;
      const float* from = line + i * p_.x_pitch;
      for (int64_t tile = 0; tile < kTiles; tile += int64_t(hn::Lanes(d))) {
        hn::Vec<WideLanes> channels[4];
        load_fours(d, from + tile * step, step, channels);
#pragma GCC unroll 4
        for (int c = 0; c < 4; ++c)
          if (c < p_.c) hn::StoreU(channels[c], d, plane + c * kPlane + tile);
      }
      if (i < StemTiles::kIn - kPixels)
        for (int c = 0; c < p_.c; ++c) plane[c * kPlane + kTiles] = from[kTiles * step + c];
    }
  }

  // An output frame, from the windows that begin at a frame of the ring.
  void run_frame(int t, int64_t frame) const {
    for (int h = 0; h < StemTiles::kPositions; ++h)
      for (int w = 0; w < StemTiles::kPositions; ++w) multiply(h, w, frame);
    const int64_t map = clip_ * p_.out_t() + t;
    if (tiles_fill_vectors(p_)) {
      for (int k = 0; k < p_.k; k += kChannels) store_tiles(k, map);
    } else {
      for (int64_t i = 0; i < count_; ++i) store_tile(i, map);
    }
  }

  // The sums of the group's tiles at a position: [tile][channel], or [channel][tile] where tiles
  // fill the vectors.
  void multiply(int h, int w, int64_t frame) const {
    const int64_t depth = int64_t{p_.kt} * tiles_.values(h, w);
    const float* weights = weights_ + tiles_.values_before(h, w) * p_.kt * p_.k;
    if (tiles_fill_vectors(p_)) {
      const Product product{.a = weights,
                            .a_pitch = p_.k,
                            .rows = p_.k,
                            .depth = depth,
                            .panels = windows(h, w, frame),
                            .n = StemTiles::kTiles};
      const PlainStore sums{sums_at(h, w), StemTiles::kTiles};
      return product.multiply(WideLanes(), 0, StemTiles::kTiles, sums);
    }
    const Product product{.a = windows(h, w, frame),
                          .a_pitch = StemTiles::kTiles,
                          .rows = count_,
                          .depth = depth,
                          .panels = weights,
                          .n = p_.k};
    const PlainStore sums{sums_at(h, w), p_.k};
    with_vectors_of(p_.k, [&](auto d) HWY_ATTR { product.multiply(d, 0, p_.k, sums); });
  }
  float* sums_at(int h, int w) const {
    return sums_ + (h * StemTiles::kPositions + w) * tiles_.position_sums;
  }

  // Sums at all positions, `from(h, w)` those at one, to outputs: `to(row, outputs)` for each row.
  template <class D, class From, class To>
  HWY_INLINE static void transform_sums(D d, const From& from, const To& to) {
    using V = hn::Vec<D>;
    V by_row[StemTiles::kOut][StemTiles::kPositions];
#pragma GCC unroll 8
    for (int w = 0; w < StemTiles::kPositions; ++w) {
      V in[StemTiles::kPositions], out[StemTiles::kOut];
#pragma GCC unroll 8
      for (int h = 0; h < StemTiles::kPositions; ++h) in[h] = hn::LoadU(d, from(h, w));
      WinogradStem::output(d, in, out);
#pragma GCC unroll 4
      for (int row = 0; row < StemTiles::kOut; ++row) by_row[row][w] = out[row];
    }
#pragma GCC unroll 4
    for (int row = 0; row < StemTiles::kOut; ++row) {
      V out[StemTiles::kOut][1];
      WinogradStem::output(d, by_row[row], out[0]);
      to(row, out);
    }
  }

  // Tile i of the group to pixels of y, those past its ends left out.
  void store_tile(int64_t i, int64_t map) const {
    constexpr int kOut = StemTiles::kOut;
    const int64_t h = row_ * kOut, w = (first_tile_ + i) * kOut;
    const int64_t rows = std::min<int64_t>(kOut, p_.out_h() - h);
    const int64_t columns = std::min<int64_t>(kOut, p_.out_w() - w);
    with_vectors_of(p_.k, [&](auto d) HWY_ATTR {
      for (int k = 0; k < p_.k; k += int(hn::Lanes(d)))
        transform_sums(
            d, [&](int at_h, int at_w) HWY_ATTR { return sums_at(at_h, at_w) + i * p_.k + k; },
            [&](int row, auto& out) HWY_ATTR {
              if (row >= rows) return;
              const auto y = store_.at((map * p_.out_h() + h + row) * p_.out_w() + w, k);
              if (columns == kOut) {
                y.tile(d, out);
              } else {
                for (int64_t o = 0; o < columns; ++o) y(d, o, 0, out[o][0]);
              }
            });
    });
  }

  // The same for all of the group's tiles and the kChannels channels from k on.
  void store_tiles(int k, int64_t map) const {
    constexpr int kOut = StemTiles::kOut, kTiles = StemTiles::kTiles, kPixels = kOut * kTiles;
    const WideLanes d;
    for (int c = 0; c < kChannels; ++c)
      for (int64_t tile = 0; tile < kTiles; tile += int64_t(hn::Lanes(d)))
        transform_sums(
            d,
            [&](int h, int w) HWY_ATTR { return sums_at(h, w) + (int64_t{k} + c) * kTiles + tile; },
            [&](int row, auto& out) HWY_ATTR {
              hn::StoreInterleaved4(out[0][0], out[1][0], out[2][0], out[3][0], d,
                                    outputs_ + (row * kChannels + c) * kPixels + kOut * tile);
            });
    const int64_t h = row_ * kOut, w = first_tile_ * kOut;
    const int64_t columns = std::min(count_ * kOut, p_.out_w() - w);
    for (int64_t row = 0; row < std::min<int64_t>(kOut, p_.out_h() - h); ++row)
      store_pixels(outputs_ + row * kChannels * kPixels, kPixels, columns,
                   store_.at((map * p_.out_h() + h + row) * p_.out_w() + w, k));
  }

  static constexpr int kChannels = StemTiles::kChannels;

  const Conv3dProblem& p_;
  const StemTiles& tiles_;
  const T* x_;
  const float* weights_;
  OutputStore<T> store_;
  float *windows_, *sums_, *lines_, *planes_, *zeros_, *outputs_;
  int64_t clip_ = 0, row_ = 0, first_tile_ = 0, count_ = 0;
};

void run_stem_tiles(const Conv3dProblem& p, const Conv3dArgs& args, const StemTiles& tiles,
                    void* workspace) {
  with_lanes(p.dtype, [&](auto type) HWY_ATTR {
    const int64_t tasks = p.n * tiles.spans.count * tiles.rows;
    parallel_for_slots(tasks, tiles.slots, [&](int64_t slot, int64_t i) HWY_ATTR {
      float* memory = tiles.memory().of(slot, workspace);
      StemTilesTask<decltype(type)>(p, args, tiles, memory).run(i);
    });
  });
}

// Multiplies a line of taps, `step` apart, with the filter of a parity at a position.
double transformed_taps(int odd, int position, const double* taps, int step) {
  double sum = 0;
  for (int i = odd; i < StemTiles::kTaps; i += 2) {
    const double* filter =
        odd ? WinogradStem::kOddFilter[position] : WinogradStem::kEvenFilter[position];
    sum += filter[i / 2] * taps[i * step];
  }
  return sum;
}

// f(position, odd) for all positions and parities of an axis.
template <class F>
void for_positions(const F& f) {
  for (int at = 0; at < StemTiles::kPositions; ++at)
    for (int odd = 0; odd < StemTiles::parities(at); ++odd) f(at, odd);
}

void pack_stem_tiles(const Conv3dProblem& p, const StemTiles& tiles, const void* weights,
                     float* packed) {
  constexpr int kTaps = StemTiles::kTaps;
  const auto pack_window = [&](auto d, const double(&window)[kTaps * kTaps], int k, int t, int c) {
    for_positions([&](int w, int odd_w) {
      double column[kTaps];
      for (int h = 0; h < kTaps; ++h) column[h] = transformed_taps(odd_w, w, window + h * kTaps, 1);
      for_positions([&](int h, int odd_h) {
        const int values = tiles.values(h, w);
        const int value = t * values + (odd_h * StemTiles::parities(w) + odd_w) * p.c + c;
        const int64_t at = tiles_fill_vectors(p)
                               ? int64_t{value} * p.k + k
                               : Product::offset(d, int64_t{p.kt} * values, p.k, value, k);
        packed[tiles.values_before(h, w) * p.kt * p.k + at] =
            float(transformed_taps(odd_h, h, column, 1));
      });
    });
  };
  with_lanes(p.dtype, [&](auto type) {
    const auto* all = static_cast<const decltype(type)*>(weights);
    with_vectors_of(p.k, [&](auto d) {
      for (int k = 0; k < p.k; ++k)
        for (int t = 0; t < p.kt; ++t)
          for (int c = 0; c < p.c; ++c) {
            double window[kTaps * kTaps];
            for (int i = 0; i < kTaps * kTaps; ++i)
              window[i] =
                  double(float(all[((int64_t{k} * p.kt + t) * kTaps * kTaps + i) * p.c + c]));
            pack_window(d, window, k, t, c);
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
         p.kh == StemTiles::kTaps && p.kw == StemTiles::kTaps &&
         p.stride[1] == StemTiles::kStride && p.stride[2] == StemTiles::kStride &&
         p.dilation == std::array{1, 1, 1};
}

// Measured on Zen 4, with AVX-512 and limited to AVX2, from 8 output channels on.
bool worth(const Conv3dProblem& p) { return p.kt * p.c >= 3; }

struct StemTilesWork {
  Conv3dProblem problem;
  StemTiles tiles;

  explicit StemTilesWork(const Conv3dProblem& p) : problem(p), tiles(p, max_threads()) {}

  size_t workspace_bytes() const { return tiles.memory().bytes(tiles.slots); }
  size_t packed_bytes() const {
    return size_t(tiles.values() * problem.kt * problem.k) * sizeof(float);
  }
  void pack(const void* weights, void* packed) const {
    HWY_DYNAMIC_DISPATCH(pack_stem_tiles)(problem, tiles, weights, static_cast<float*>(packed));
  }
  void run(const Conv3dArgs& args, void* workspace) const {
    HWY_DYNAMIC_DISPATCH(run_stem_tiles)(problem, args, tiles, workspace);
  }
};

}  // namespace

extern constinit const Conv3dKernel kConv3dStemWinograd = state_row<StemTilesWork>(
    Conv3dKernel{.name = "stem_winograd", .exact = false, .can_run = can_run, .worth = worth});

}  // namespace sf
#endif  // HWY_ONCE
