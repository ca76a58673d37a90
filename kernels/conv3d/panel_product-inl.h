// Products of rows with panels of weights, in vectors of output channels: the inner loops of the
// CPU's convolutions. Compiled once for each target, as Highway's own -inl.h files.
#if defined(SF_KERNELS_CONV3D_PANEL_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_CONV3D_PANEL_PRODUCT_INL_H_
#undef SF_KERNELS_CONV3D_PANEL_PRODUCT_INL_H_
#else
#define SF_KERNELS_CONV3D_PANEL_PRODUCT_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/base/lanes-inl.h"
#include "kernels/conv3d/bf16_tile.h"
#include "kernels/conv3d/conv3d.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Rows of a tile: with two vectors each they fill the registers, but for the panel's and a factor.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM
inline constexpr int kTileRows = 14;
#else
inline constexpr int kTileRows = 6;
#endif
inline constexpr int kPanelVectors = 2;

using WideLanes = hn::CappedTag<float, 16>;
using NarrowLanes = hn::CappedTag<float, 8>;

// Calls f with the widest vectors that channels, a multiple of 8, are whole ones of.
template <class F>
HWY_INLINE void with_vectors_of(int channels, const F& f) {
  if (channels % int(hn::MaxLanes(WideLanes())) == 0)
    f(WideLanes());
  else
    f(NarrowLanes());
}

// What is read after a tile, fetched into the second-level cache while that is multiplied: `values`
// at each step of the depth, that many lines of 16 at most.
template <int kLines>
struct ReadNext {
  const float* at;
  int64_t values;

  HWY_INLINE void fetch() {
#pragma GCC unroll 2
    for (int i = 0; i < kLines; ++i) __builtin_prefetch(at + 16 * i, 0, 2);
    at += values;
  }
};
struct NothingNext {
  HWY_INLINE void fetch() const {}
};

// What a product finds in no cache, if nothing fetches it ahead: its panels, or the rows, side by
// side, of the product after it.
struct NothingFar {};
struct FarPanels {};
struct FarRows {
  const float* of_next;
};

// Rows of factors, `pitch` apart, the values of each side by side.
struct FactorRows {
  const float* at;
  int64_t pitch;

  HWY_INLINE FactorRows from(int64_t row) const { return {at + row * pitch, pitch}; }

  // One value of each of kRows rows at a time.
  template <int kRows>
  class Reader {
   public:
    HWY_INLINE explicit Reader(const FactorRows& rows) : pitch_(rows.pitch) {
#pragma GCC unroll 8
      for (int i = 0; i < kPointers; ++i) at_[i] = rows.at + 3 * i * pitch_;
    }
    HWY_INLINE float operator()(int row) const { return at_[row / 3][row % 3 * pitch_]; }
    HWY_INLINE void next() {
#pragma GCC unroll 8
      for (int i = 0; i < kPointers; ++i) ++at_[i];
    }

   private:
    // Three rows a pointer: what addresses can express, and no more pointers than registers.
    static constexpr int kPointers = (kRows + 2) / 3;
    const float* at_[kPointers];
    int64_t pitch_;
  };
};

// Rows side by side, the values of each `pitch` apart.
struct FactorColumns {
  const float* at;
  int64_t pitch;

  HWY_INLINE FactorColumns from(int64_t row) const { return {at + row, pitch}; }

  template <int kRows>
  class Reader {
   public:
    HWY_INLINE explicit Reader(const FactorColumns& columns)
        : at_(columns.at), pitch_(columns.pitch) {}
    HWY_INLINE float operator()(int row) const { return at_[row]; }
    HWY_INLINE void next() { at_ += pitch_; }

   private:
    const float* at_;
    int64_t pitch_;
  };
};

// The sums of kRows rows of factors with a panel of kVectors vectors.
template <int kRows, int kVectors, class D, class Factors, class Store, class Next>
HWY_INLINE void multiply_tile(D d, const Factors& factors, const float* HWY_RESTRICT b,
                              int64_t depth, const Store& store, Next next) {
  const auto lanes = int64_t(hn::Lanes(d));
  hn::Vec<D> sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 4
    for (int n = 0; n < kVectors; ++n) sum[m][n] = hn::Zero(d);
  store.expect(d, kRows, kVectors);
  typename Factors::template Reader<kRows> of_row(factors);
#pragma GCC unroll 4
  for (int64_t k = 0; k < depth; ++k) {
    next.fetch();
    hn::Vec<D> panel[kVectors];
#pragma GCC unroll 4
    for (int n = 0; n < kVectors; ++n) panel[n] = hn::LoadU(d, b + n * lanes);
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) {
      const auto factor = hn::Set(d, of_row(m));
#pragma GCC unroll 4
      for (int n = 0; n < kVectors; ++n) sum[m][n] = hn::MulAdd(factor, panel[n], sum[m][n]);
    }
    b += kVectors * lanes;
    of_row.next();
  }
  store.tile(d, sum);
}

// One panel with up to kTileRows rows. Not inlined: each number of rows is one function.
template <int kRows, class D, class Factors, class Store, class Next>
HWY_NOINLINE void multiply_panel(D d, int vectors, Factors factors, const float* b, int64_t depth,
                                 const Store& store, Next next) {
  if (vectors == kPanelVectors)
    multiply_tile<kRows, kPanelVectors>(d, factors, b, depth, store, next);
  else
    multiply_tile<kRows, 1>(d, factors, b, depth, store, next);
}

// Calls f with the number of rows, 1 to kTileRows, as a constant.
template <int kRows = kTileRows, class F>
HWY_INLINE void with_rows(int64_t rows, const F& f) {
  if constexpr (kRows > 0) {
    if (rows == kRows)
      f(std::integral_constant<int, kRows>());
    else
      with_rows<kRows - 1>(rows, f);
  }
}

// f(row, rows, column) for tiles of up to `most` rows, about equally many each, and panels that
// cover columns [first, last). What is read again lies near: a tile's rows, else a panel.
template <class F>
HWY_INLINE void for_tiles(int64_t rows, int64_t most, bool rows_are_near, int64_t first,
                          int64_t last, int64_t width, const F& f) {
  const int64_t tiles = (rows + most - 1) / most;
  const auto tile = [&](int64_t i, int64_t column) HWY_ATTR {
    const int64_t from = rows * i / tiles, to = rows * (i + 1) / tiles;
    f(from, int(to - from), column);
  };
  if (rows_are_near) {
    for (int64_t i = 0; i < tiles; ++i)
      for (int64_t column = first; column < last; column += width) tile(i, column);
  } else {
    for (int64_t column = first; column < last; column += width)
      for (int64_t i = 0; i < tiles; ++i) tile(i, column);
  }
}

// Rows of `depth` values times n columns of weights that are packed in panels. `a` and `a_pitch`
// are FactorRows, or FactorColumns for T float.
//   multiply(d, first, last, store): columns [first, last); first begins a panel. store.at(row,
//   column) is what takes the sums from there on:
//     expect(d, rows, vectors): they will come soon
//     tile(d, sums): [rows][vectors] of them
//     of_bf16_tile(): as multiply_bf16_tile() takes it, for T bf16
//   multiply(d, first, last, store, FarPanels()), or FarRows, of floats: the same, fetching ahead
//   size(depth, n): values of all panels
//   offset(d, depth, n, i, j): where column j of row i lies
//   whole_width(d): columns of a panel, the last excepted; kColumnStep: from one to the next
template <class T, class Factors = FactorRows>
struct RowsByPanels;

// Panels of two vectors each and a last one of one vector if their number is odd, [panel][depth]
// [columns of the panel].
template <class Factors>
struct RowsByPanels<float, Factors> {
  const float* a;
  int64_t a_pitch, rows, depth;
  const float* panels;
  int64_t n;

  static constexpr int64_t kColumnStep = 1;

  static int64_t size(int64_t depth, int64_t n) { return depth * n; }
  template <class D>
  static int64_t whole_width(D d) {
    return kPanelVectors * int64_t(hn::Lanes(d));
  }

  template <class D>
  static int64_t offset(D d, int64_t depth, int64_t n, int64_t i, int64_t j) {
    const int64_t first = j / whole_width(d) * whole_width(d);
    return first * depth + i * width(d, first, n) + (j - first);
  }

  template <class D, class Store, class Far = NothingFar>
  HWY_INLINE void multiply(D d, int64_t first, int64_t last, const Store& store,
                           Far far = {}) const {
    const bool rows_are_near = std::is_same_v<Far, NothingFar> && n > depth;
    for_tiles(rows, kTileRows, rows_are_near, first, last, whole_width(d),
              [&](int64_t row, int count, int64_t column) HWY_ATTR {
                if constexpr (std::is_same_v<Far, FarPanels>) {
                  const int64_t panel = whole_width(d) * depth;
                  const ReadNext<kPanelVectors> next{
                      panels + column * depth + panel + panel * row / rows,
                      (whole_width(d) * count + rows - 1) / rows};
                  return tile(d, row, count, column, store, next);
                }
                if constexpr (std::is_same_v<Far, FarRows>)
                  if (column == first) {
                    const ReadNext<1> next{far.of_next + row * depth, count};
                    return tile(d, row, count, column, store, next);
                  }
                tile(d, row, count, column, store, NothingNext());
              });
  }

 private:
  template <class D, class Store, class Next>
  HWY_INLINE void tile(D d, int64_t row, int count, int64_t column, const Store& store,
                       Next next) const {
    const auto vectors = int(width(d, column, n) / int64_t(hn::Lanes(d)));
    with_rows(count, [&](auto rows_of_tile) HWY_ATTR {
      multiply_panel<rows_of_tile>(d, vectors, Factors{a, a_pitch}.from(row),
                                   panels + column * depth, depth, store.at(row, column), next);
    });
  }

  template <class D>
  static int64_t width(D d, int64_t first, int64_t n) {
    return std::min(whole_width(d), n - first);
  }
};

// As multiply_bf16_tile() takes them, filled up with zeros to 16 columns: depth is even.
template <>
struct RowsByPanels<bf16, FactorRows> {
  const bf16* a;
  int64_t a_pitch, rows, depth;
  const bf16* panels;
  int64_t n;

  static constexpr int64_t kColumnStep = 2;

  static int64_t size(int64_t depth, int64_t n) { return depth * padded(n); }
  template <class D>
  static int64_t whole_width(D) {
    return kBf16TileColumns;
  }

  template <class D>
  static int64_t offset(D, int64_t depth, int64_t n, int64_t i, int64_t j) {
    const int64_t first = j / kBf16TileColumns * kBf16TileColumns;
    return first * depth + i / 2 * 2 * width(first, n) + (j - first) * 2 + i % 2;
  }

  template <class D, class Store>
  HWY_INLINE void multiply(D d, int64_t first, int64_t last, const Store& store) const {
    for_tiles(rows, kBf16TileRows, n > depth, first, last, kBf16TileColumns,
              [&](int64_t row, int count, int64_t column) HWY_ATTR {
                const auto to = store.at(row, column);
                const int64_t columns = std::min<int64_t>(kBf16TileColumns, n - column),
                              lanes = int64_t(hn::Lanes(d));
                to.expect(d, count, int(columns / lanes));
                multiply_bf16_tile(count, int(columns), a + row * a_pitch, a_pitch,
                                   panels + column * depth, depth / 2, to.of_bf16_tile());
              });
  }

 private:
  static int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }
  static int64_t width(int64_t first, int64_t n) {
    return std::min<int64_t>(kBf16TileColumns, padded(n) - first);
  }
};

// f(sum, row, column) for all sums of a tile.
template <class D, int kRows, int kVectors, class F>
HWY_INLINE void for_sums(D d, hn::Vec<D> (&sums)[kRows][kVectors], const F& f) {
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m)
#pragma GCC unroll 4
    for (int n = 0; n < kVectors; ++n) f(sums[m][n], m, n * int64_t(hn::Lanes(d)));
}

// Keeps sums as they are.
struct PlainStore {
  float* y;
  int64_t pitch;

  HWY_INLINE PlainStore at(int64_t row, int64_t column) const {
    return {y + row * pitch + column, pitch};
  }
  template <class D>
  HWY_INLINE void expect(D, int, int) const {}
  template <class D, int kRows, int kVectors>
  HWY_INLINE void tile(D d, hn::Vec<D> (&sums)[kRows][kVectors]) const {
    for_sums(d, sums, [&](auto& sum, int64_t row, int64_t column) HWY_ATTR {
      hn::StoreU(sum, d, y + row * pitch + column);
    });
  }
  Bf16TileSums of_bf16_tile() const { return {y, pitch}; }
};

// What happens to sums on their way to y: bias, residual, activation, one rounding.
template <class T>
class OutputStore {
 public:
  OutputStore(const Conv3dProblem& p, const Conv3dArgs& args)
      : bias_(static_cast<const float*>(args.bias)),
        residual_(static_cast<const T*>(args.residual)),
        y_(static_cast<T*>(args.y)),
        residual_pitch_(p.residual_pitch),
        y_pitch_(p.y_pitch),
        relu_(p.activation == Activation::relu) {}

  // From that pixel and channel on.
  HWY_INLINE OutputStore at(int64_t pixel, int64_t channel) const {
    OutputStore moved = *this;
    moved.y_ += pixel * y_pitch_ + channel;
    if (bias_) moved.bias_ += channel;
    if (residual_) moved.residual_ += pixel * residual_pitch_ + channel;
    return moved;
  }
  // Brings the residual near and y, where that is another one.
  template <class D>
  HWY_INLINE void expect(D d, int pixels, int vectors) const {
    if (residual_) prefetch(d, residual_, residual_pitch_, pixels, vectors);
    if (residual_ != y_) prefetch(d, y_, y_pitch_, pixels, vectors);
  }
  // A tile of sums from here on. Each question is asked once for all of it.
  template <class D, int kPixels, int kVectors>
  HWY_INLINE void tile(D d, hn::Vec<D> (&sums)[kPixels][kVectors]) const {
    if (bias_)
      for_sums(d, sums, [&](auto& sum, int64_t, int64_t channel) HWY_ATTR {
        sum = hn::Add(sum, hn::LoadU(d, bias_ + channel));
      });
    if (residual_)
      for_sums(d, sums, [&](auto& sum, int64_t pixel, int64_t channel) HWY_ATTR {
        sum = hn::Add(sum, load(d, residual_ + pixel * residual_pitch_ + channel));
      });
    if (relu_)
      for_sums(d, sums,
               [&](auto& sum, int64_t, int64_t) HWY_ATTR { sum = hn::Max(sum, hn::Zero(d)); });
    for_sums(d, sums, [&](auto& sum, int64_t pixel, int64_t channel) HWY_ATTR {
      store(sum, d, y_ + pixel * y_pitch_ + channel);
    });
  }
  // One vector of them.
  template <class D>
  HWY_INLINE void operator()(D d, int64_t pixel, int64_t channel, hn::Vec<D> sums) const {
    hn::Vec<D> all[1][1] = {{sums}};
    at(pixel, channel).tile(d, all);
  }

  Bf16TileOutput of_bf16_tile() const {
    return {bias_, residual_, y_, residual_pitch_, y_pitch_, relu_};
  }

 private:
  template <class D, class From>
  HWY_INLINE static void prefetch(D d, const From* from, int64_t pitch, int pixels, int vectors) {
    for (int i = 0; i < pixels; ++i)
      for (int j = 0; j < vectors; ++j) hwy::Prefetch(from + i * pitch + j * int64_t(hn::Lanes(d)));
  }

  const float* bias_;
  const T* residual_;
  T* y_;
  int64_t residual_pitch_, y_pitch_;
  bool relu_;
};

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
