// Winograd's minimal filtering F(m, r): m outputs of a filter of r taps by m + r - 1 products, in
// vectors of channels.
//   y = A^T ((G g) . (B^T d))
// A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. The points are
// 0, 1 for m + r - 1 = 3; -1 too for 4; 2 too for 5; -2 too for 6; 0, 2, -2, 1/2, -1/2, 1 for 7.
#if defined(SF_KERNELS_CONV3D_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_CONV3D_WINOGRAD_INL_H_
#undef SF_KERNELS_CONV3D_WINOGRAD_INL_H_
#else
#define SF_KERNELS_CONV3D_WINOGRAD_INL_H_
#endif

#include <algorithm>
#include <array>
#include <iterator>
#include <type_traits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// F(kOut, 3), or F(kOut, kR). Where kFilter has fewer rows than there are positions, the last is
// for all the others.
template <int kOut, int kR = 3, int kStride = 1>
struct Winograd;

template <>
struct Winograd<2> {
  static constexpr int kTaps = 3, kIn = 4;
  static constexpr double kFilter[4][3] = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};

  template <class D, class V>
  HWY_INLINE static void input(D, const V* in, V* out) {
    out[0] = hn::Sub(in[0], in[2]);
    out[1] = hn::Add(in[1], in[2]);
    out[2] = hn::Sub(in[2], in[1]);
    out[3] = hn::Sub(in[1], in[3]);
  }
  template <class D, class V>
  HWY_INLINE static void output(D, const V* in, V* out) {
    out[0] = hn::Add(hn::Add(in[0], in[1]), in[2]);
    out[1] = hn::Sub(hn::Sub(in[1], in[2]), in[3]);
  }
};

template <>
struct Winograd<4> {
  static constexpr int kTaps = 3, kIn = 6;
  static constexpr double kFilter[6][3] = {{1. / 4, 0, 0},
                                           {-1. / 6, -1. / 6, -1. / 6},
                                           {-1. / 6, 1. / 6, -1. / 6},
                                           {1. / 24, 1. / 12, 1. / 6},
                                           {1. / 24, -1. / 12, 1. / 6},
                                           {0, 0, 1}};

  template <class D, class V>
  HWY_INLINE static void input(D d, const V* in, V* out) {
    const auto two = hn::Set(d, 2), four = hn::Set(d, 4), five = hn::Set(d, 5);
    out[0] = hn::MulAdd(four, in[0], hn::NegMulAdd(five, in[2], in[4]));
    const auto even = hn::NegMulAdd(four, in[2], in[4]), odd = hn::NegMulAdd(four, in[1], in[3]);
    out[1] = hn::Add(even, odd);
    out[2] = hn::Sub(even, odd);
    const auto far = hn::Sub(in[4], in[2]), twice = hn::Mul(two, hn::Sub(in[3], in[1]));
    out[3] = hn::Add(far, twice);
    out[4] = hn::Sub(far, twice);
    out[5] = hn::MulAdd(four, in[1], hn::NegMulAdd(five, in[3], in[5]));
  }
  template <class D, class V>
  HWY_INLINE static void output(D d, const V* in, V* out) {
    const auto sum = hn::Add(in[1], in[2]), difference = hn::Sub(in[1], in[2]);
    const auto far_sum = hn::Add(in[3], in[4]), far_difference = hn::Sub(in[3], in[4]);
    out[0] = hn::Add(hn::Add(in[0], sum), far_sum);
    out[1] = hn::MulAdd(hn::Set(d, 2), far_difference, difference);
    out[2] = hn::MulAdd(hn::Set(d, 4), far_sum, sum);
    out[3] = hn::Add(hn::MulAdd(hn::Set(d, 8), far_difference, difference), in[5]);
  }
};

template <>
struct Winograd<2, 2> {
  static constexpr int kTaps = 2, kIn = 3;
  static constexpr double kFilter[3][2] = {{1, 0}, {1, 1}, {0, 1}};

  template <class D, class V>
  HWY_INLINE static void input(D, const V* in, V* out) {
    out[0] = hn::Sub(in[0], in[1]);
    out[1] = in[1];
    out[2] = hn::Sub(in[2], in[1]);
  }
  template <class D, class V>
  HWY_INLINE static void output(D, const V* in, V* out) {
    out[0] = hn::Add(in[0], in[1]);
    out[1] = hn::Add(in[1], in[2]);
  }
};

template <>
struct Winograd<4, 2> {
  static constexpr int kTaps = 2, kIn = 5;
  static constexpr double kFilter[5][2] = {
      {1. / 2, 0}, {-1. / 2, -1. / 2}, {-1. / 6, 1. / 6}, {1. / 6, 1. / 3}, {0, 1}};

  template <class D, class V>
  HWY_INLINE static void input(D d, const V* in, V* out) {
    const auto two = hn::Set(d, 2);
    const auto far = hn::Sub(in[3], in[1]), near = hn::Sub(in[3], in[2]);
    out[0] = hn::MulAdd(two, hn::Sub(in[0], in[2]), far);
    out[1] = hn::NegMulAdd(two, in[1], near);
    out[2] = hn::MulAdd(two, hn::Sub(in[1], in[2]), near);
    out[3] = far;
    out[4] = hn::NegMulAdd(two, far, hn::Sub(in[4], in[2]));
  }
  template <class D, class V>
  HWY_INLINE static void output(D d, const V* in, V* out) {
    const auto sum = hn::Add(in[1], in[2]), difference = hn::Sub(in[1], in[2]);
    out[0] = hn::Add(hn::Add(in[0], sum), in[3]);
    out[1] = hn::MulAdd(hn::Set(d, 2), in[3], difference);
    out[2] = hn::MulAdd(hn::Set(d, 4), in[3], sum);
    out[3] = hn::Add(hn::MulAdd(hn::Set(d, 8), in[3], difference), in[4]);
  }
};

// No transform: each output is a position.
template <int kOut>
struct Winograd<kOut, 1> {
  static constexpr int kTaps = 1, kIn = kOut;
  static constexpr double kFilter[1][1] = {{1}};

  template <class D, class V>
  HWY_INLINE static void input(D, const V* in, V* out) {
#pragma GCC unroll 4
    for (int i = 0; i < kOut; ++i) out[i] = in[i];
  }
  template <class D, class V>
  HWY_INLINE static void output(D d, const V* in, V* out) {
    input(d, in, out);
  }
};

template <class Axis>
constexpr int filters() {
  return int(std::size(Axis::kFilter));
}

// With a stride of two, a filter over every other input, from the first on, and one over those
// between them.
template <int kOut, int kR>
struct Winograd<kOut, kR, 2> {
  using Even = Winograd<kOut, (kR + 1) / 2>;
  using Odd = Winograd<kOut, kR / 2>;
  static constexpr int kTaps = kR, kIn = Even::kIn + Odd::kIn;
  static constexpr auto kFilter = [] {
    std::array<std::array<double, kR>, filters<Even>() + filters<Odd>()> filter{};
    for (size_t i = 0; i < filters<Even>(); ++i)
      for (size_t tap = 0; tap < Even::kTaps; ++tap) filter[i][2 * tap] = Even::kFilter[i][tap];
    for (size_t i = 0; i < filters<Odd>(); ++i)
      for (size_t tap = 0; tap < Odd::kTaps; ++tap)
        filter[filters<Even>() + i][2 * tap + 1] = Odd::kFilter[i][tap];
    return filter;
  }();

  template <class D, class V>
  HWY_INLINE static void input(D d, const V* in, V* out) {
    V even[Even::kIn], odd[Odd::kIn];
#pragma GCC unroll 8
    for (int i = 0; i < Even::kIn; ++i) even[i] = in[2 * i];
#pragma GCC unroll 8
    for (int i = 0; i < Odd::kIn; ++i) odd[i] = in[2 * i + 1];
    Even::input(d, even, out);
    Odd::input(d, odd, out + Even::kIn);
  }
  template <class D, class V>
  HWY_INLINE static void output(D d, const V* in, V* out) {
    V odd[kOut];
    Even::output(d, in, out);
    Odd::output(d, in + Even::kIn, odd);
#pragma GCC unroll 4
    for (int i = 0; i < kOut; ++i) out[i] = hn::Add(out[i], odd[i]);
  }
};

// F(4, 7) with a stride of two, for stems: F(4, 4) over every other input and F(4, 3) over those
// between them. Both have the points 0, 2, -2, 1/2, -1/2 and infinity, where their products add up
// before outputs are made of them; F(4, 4) has the point 1 besides, the last position.
struct WinogradStem {
  static constexpr int kTaps = 7, kIn = 13, kOut = 4, kPositions = 7, kShared = 6;
  static constexpr double kEvenFilter[kPositions][4] = {{-1, 0, 0, 0},
                                                        {1. / 30, 1. / 15, 2. / 15, 4. / 15},
                                                        {-1. / 90, 1. / 45, -2. / 45, 4. / 45},
                                                        {2. / 15, 1. / 15, 1. / 30, 1. / 60},
                                                        {2. / 45, -1. / 45, 1. / 90, -1. / 180},
                                                        {0, 0, 0, 1},
                                                        {-4. / 9, -4. / 9, -4. / 9, -4. / 9}};
  static constexpr double kOddFilter[kShared][3] = {{1, 0, 0},
                                                    {1. / 30, 1. / 15, 2. / 15},
                                                    {1. / 30, -1. / 15, 2. / 15},
                                                    {-1. / 15, -1. / 30, -1. / 60},
                                                    {-1. / 15, 1. / 30, -1. / 60},
                                                    {0, 0, 1}};

  // Inputs 1, 3, .. 11 to kShared values.
  template <class D, class V>
  HWY_INLINE static void input_odd(D d, const V* in, V* out) {
    const auto quarter = hn::Set(d, .25F), half = hn::Set(d, .5F), two = hn::Set(d, 2),
               four = hn::Set(d, 4), seventeen_quarters = hn::Set(d, 4.25F);
    out[0] = hn::NegMulAdd(seventeen_quarters, in[2], hn::Add(in[0], in[4]));
    const auto far_even = hn::NegMulAdd(quarter, in[2], in[4]);
    const auto far_odd = hn::MulSub(two, in[3], hn::Mul(half, in[1]));
    out[1] = hn::Add(far_even, far_odd);
    out[2] = hn::Sub(far_even, far_odd);
    const auto near_even = hn::NegMulAdd(four, in[2], in[4]);
    const auto near_odd = hn::MulSub(half, in[3], hn::Mul(two, in[1]));
    out[3] = hn::Add(near_even, near_odd);
    out[4] = hn::Sub(near_even, near_odd);
    out[5] = hn::NegMulAdd(seventeen_quarters, in[3], hn::Add(in[1], in[5]));
  }
  // Inputs 0, 2, .. 12 to kPositions values. The factor x - 1 that the other points' polynomials
  // have here is a difference of neighbours.
  template <class D, class V>
  HWY_INLINE static void input_even(D d, const V* in, V* out) {
    V differences[6];
#pragma GCC unroll 8
    for (int i = 0; i < 6; ++i) differences[i] = hn::Sub(in[i + 1], in[i]);
    input_odd(d, differences, out);
    out[6] = hn::NegMulAdd(hn::Set(d, 4.25F), in[3], hn::Add(in[1], in[5]));
  }
  template <class D, class V>
  HWY_INLINE static void output(D d, const V* in, V* out) {
    const auto two = hn::Set(d, 2), four = hn::Set(d, 4), eight = hn::Set(d, 8);
    const auto far_sum = hn::Add(in[1], in[2]), far_difference = hn::Sub(in[1], in[2]);
    const auto near_sum = hn::Add(in[3], in[4]), near_difference = hn::Sub(in[3], in[4]);
    out[0] = hn::MulAdd(eight, near_sum, hn::Add(far_sum, hn::Add(in[0], in[6])));
    out[1] = hn::MulAdd(four, near_difference, hn::MulAdd(two, far_difference, in[6]));
    out[2] = hn::MulAdd(two, near_sum, hn::MulAdd(four, far_sum, in[6]));
    out[3] = hn::MulAdd(eight, far_difference, hn::Add(near_difference, hn::Add(in[5], in[6])));
  }
};

// With the points of F(4, 4) above, so that windows are transformed as there.
template <>
struct Winograd<5> {
  static constexpr int kTaps = 3, kIn = 7;
  static constexpr double kFilter[7][3] = {{-1, 0, 0},
                                           {1. / 30, 1. / 15, 2. / 15},
                                           {-1. / 90, 1. / 45, -2. / 45},
                                           {1. / 15, 1. / 30, 1. / 60},
                                           {1. / 45, -1. / 90, 1. / 180},
                                           {0, 0, 1},
                                           {-4. / 9, -4. / 9, -4. / 9}};

  template <class D, class V>
  HWY_INLINE static void input(D d, const V* in, V* out) {
    WinogradStem::input_even(d, in, out);
  }
  template <class D, class V>
  HWY_INLINE static void output(D d, const V* in, V* out) {
    const auto two = hn::Set(d, 2), four = hn::Set(d, 4), eight = hn::Set(d, 8),
               sixteen = hn::Set(d, 16);
    const auto far_sum = hn::Add(in[1], in[2]), far_difference = hn::Sub(in[1], in[2]);
    const auto near_sum = hn::Add(in[3], in[4]), near_difference = hn::Sub(in[3], in[4]);
    out[0] = hn::MulAdd(sixteen, near_sum, hn::Add(far_sum, hn::Add(in[0], in[6])));
    out[1] = hn::MulAdd(eight, near_difference, hn::MulAdd(two, far_difference, in[6]));
    out[2] = hn::MulAdd(four, hn::Add(near_sum, far_sum), in[6]);
    out[3] = hn::MulAdd(two, near_difference, hn::MulAdd(eight, far_difference, in[6]));
    out[4] = hn::MulAdd(sixteen, far_sum, hn::Add(near_sum, hn::Add(in[5], in[6])));
  }
};

// Along T, H and W at once: kT x kH x kW outputs of a filter with three taps, and kStride, along
// each axis that has more than one output. Positions, outputs and filters count T, H, W with W
// fastest.
template <int kT, int kH, int kW, int kStride = 1>
struct WinogradTile {
  template <int kOut>
  using AxisOf = std::conditional_t<kOut == 1, Winograd<1, 1>, Winograd<kOut, 3, kStride>>;
  using T = AxisOf<kT>;
  using H = AxisOf<kH>;
  using W = AxisOf<kW>;
  static constexpr int kOutT = kT, kOutH = kH, kOutW = kW;
  static constexpr int kIn = T::kIn * H::kIn * W::kIn;
  static constexpr int kTaps = T::kTaps * H::kTaps * W::kTaps;
  static constexpr int kFilters = filters<T>() * filters<H>() * filters<W>();

  // kIn values.
  template <class D, class V>
  HWY_INLINE static void input(D d, V* v) {
    along<W, T::kIn * H::kIn, W::kIn, 1, W::kIn, W::kIn, kInput>(d, v);
    along<H, T::kIn, H::kIn * W::kIn, W::kIn, H::kIn, H::kIn, kInput>(d, v);
    along<T, 1, kIn, H::kIn * W::kIn, T::kIn, T::kIn, kInput>(d, v);
  }
  // kIn values to one for each output.
  template <class D, class V>
  HWY_INLINE static void output(D d, V* v) {
    along<T, 1, kIn, H::kIn * W::kIn, T::kIn, kT, kOutput>(d, v);
    along<H, kT, H::kIn * W::kIn, W::kIn, H::kIn, kH, kOutput>(d, v);
    along<W, kT * kH, W::kIn, 1, W::kIn, kW, kOutput>(d, v);
  }
  // kTaps taps to kFilters values, an axis after the other.
  static void filter(const double* taps, double* out) {
    double by_t[filters<T>() * H::kTaps * W::kTaps];
    double by_h[filters<T>() * filters<H>() * W::kTaps];
    multiply<T>(1, H::kTaps * W::kTaps, taps, by_t);
    multiply<H>(filters<T>(), W::kTaps, by_t, by_h);
    multiply<W>(filters<T>() * filters<H>(), 1, by_h, out);
  }
  // Which of those a position is multiplied with.
  static int filter_of(int at) {
    const int t = std::min(at / (H::kIn * W::kIn), filters<T>() - 1);
    const int h = std::min(at / W::kIn % H::kIn, filters<H>() - 1);
    const int w = std::min(at % W::kIn, filters<W>() - 1);
    return (t * filters<H>() + h) * filters<W>() + w;
  }

 private:
  // G times `inner` columns of taps, `inner` apart, in each of `outer` blocks.
  template <class Axis>
  static void multiply(int outer, int inner, const double* taps, double* out) {
    for (int o = 0; o < outer; ++o)
      for (int at = 0; at < filters<Axis>(); ++at)
        for (int i = 0; i < inner; ++i) {
          double sum = 0;
          for (int tap = 0; tap < Axis::kTaps; ++tap)
            sum +=
                Axis::kFilter[size_t(at)][size_t(tap)] * taps[(o * Axis::kTaps + tap) * inner + i];
          out[(o * filters<Axis>() + at) * inner + i] = sum;
        }
  }

  enum Direction { kInput, kOutput };

  // Transforms `inner` lines of kFrom values, `inner` apart, in each of kOuter blocks of kBlock
  // values; kTo results a line close up.
  template <class Axis, int kOuter, int kBlock, int kInner, int kFrom, int kTo,
            Direction kDirection, class D, class V>
  HWY_INLINE static void along(D d, V* v) {
    if constexpr (kFrom > 1) {
#pragma GCC unroll 9
      for (int o = 0; o < kOuter; ++o)
#pragma GCC unroll 9
        for (int i = 0; i < kInner; ++i) {
          V in[kFrom], out[kTo];
#pragma GCC unroll 9
          for (int j = 0; j < kFrom; ++j) in[j] = v[o * kBlock + j * kInner + i];
          if constexpr (kDirection == kInput)
            Axis::input(d, in, out);
          else
            Axis::output(d, in, out);
#pragma GCC unroll 9
          for (int j = 0; j < kTo; ++j) v[o * (kBlock / kFrom * kTo) + j * kInner + i] = out[j];
        }
    }
  }
};

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
