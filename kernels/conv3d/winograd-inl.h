// Winograd's minimal filtering F(m, r): m outputs of a filter of r taps by m + r - 1 products, in
// vectors of channels.
//   y = A^T ((G g) . (B^T d))
// A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016. The points are
// 0, 1, -1 for m + r - 1 = 4; 2 and -2 too for 6; 1/2 and -1/2 too for 8.
#if defined(SF_KERNELS_CONV3D_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SF_KERNELS_CONV3D_WINOGRAD_INL_H_
#undef SF_KERNELS_CONV3D_WINOGRAD_INL_H_
#else
#define SF_KERNELS_CONV3D_WINOGRAD_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// F(kOut, 3), or F(kOut, kR). kOut 1 is no transform: one position, one tap.
template <int kOut, int kR = 3>
struct Winograd;

template <>
struct Winograd<1> {
  static constexpr int kTaps = 1, kIn = 1;
  static constexpr double kFilter[1][1] = {{1}};

  template <class D, class V>
  HWY_INLINE static void input(D, const V* in, V* out) {
    out[0] = in[0];
  }
  template <class D, class V>
  HWY_INLINE static void output(D, const V* in, V* out) {
    out[0] = in[0];
  }
};

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
struct Winograd<4, 5> {
  static constexpr int kTaps = 5, kIn = 8, kOut = 4;
  static constexpr double kFilter[8][5] = {{1, 0, 0, 0, 0},
                                           {-2. / 9, -2. / 9, -2. / 9, -2. / 9, -2. / 9},
                                           {-2. / 9, 2. / 9, -2. / 9, 2. / 9, -2. / 9},
                                           {1. / 90, 1. / 45, 2. / 45, 4. / 45, 8. / 45},
                                           {1. / 90, -1. / 45, 2. / 45, -4. / 45, 8. / 45},
                                           {4. / 45, 2. / 45, 1. / 45, 1. / 90, 1. / 180},
                                           {4. / 45, -2. / 45, 1. / 45, -1. / 90, 1. / 180},
                                           {0, 0, 0, 0, 1}};

  template <class D, class V>
  HWY_INLINE static void input(D d, const V* in, V* out) {
    const auto quarter = hn::Set(d, .25F), half = hn::Set(d, .5F), two = hn::Set(d, 2),
               four = hn::Set(d, 4), five = hn::Set(d, 5), five_halves = hn::Set(d, 2.5F),
               five_quarters = hn::Set(d, 1.25F), seventeen_quarters = hn::Set(d, 4.25F),
               twenty_one_quarters = hn::Set(d, 5.25F);
    out[0] = hn::MulAdd(twenty_one_quarters, hn::Sub(in[4], in[2]), hn::Sub(in[0], in[6]));
    const auto even = hn::NegMulAdd(seventeen_quarters, in[4], hn::Add(in[2], in[6]));
    const auto odd = hn::NegMulAdd(seventeen_quarters, in[3], hn::Add(in[1], in[5]));
    out[1] = hn::Add(even, odd);
    out[2] = hn::Sub(even, odd);
    const auto far_even = hn::MulAdd(quarter, in[2], hn::NegMulAdd(five_quarters, in[4], in[6]));
    const auto middle = hn::Mul(five_halves, in[3]);
    const auto far_odd = hn::MulAdd(half, in[1], hn::MulSub(two, in[5], middle));
    out[3] = hn::Add(far_even, far_odd);
    out[4] = hn::Sub(far_even, far_odd);
    const auto near_even = hn::MulAdd(four, in[2], hn::NegMulAdd(five, in[4], in[6]));
    const auto near_odd = hn::MulAdd(two, in[1], hn::MulSub(half, in[5], middle));
    out[5] = hn::Add(near_even, near_odd);
    out[6] = hn::Sub(near_even, near_odd);
    out[7] = hn::MulAdd(twenty_one_quarters, hn::Sub(in[3], in[5]), hn::Sub(in[7], in[1]));
  }
  template <class D, class V>
  HWY_INLINE static void output(D d, const V* in, V* out) {
    const auto two = hn::Set(d, 2), four = hn::Set(d, 4), eight = hn::Set(d, 8);
    const auto sum = hn::Add(in[1], in[2]), difference = hn::Sub(in[1], in[2]);
    const auto far_sum = hn::Add(in[3], in[4]), far_difference = hn::Sub(in[3], in[4]);
    const auto near_sum = hn::Add(in[5], in[6]), near_difference = hn::Sub(in[5], in[6]);
    out[0] = hn::MulAdd(eight, near_sum, hn::Add(hn::Add(in[0], sum), far_sum));
    out[1] = hn::MulAdd(four, near_difference, hn::MulAdd(two, far_difference, difference));
    out[2] = hn::MulAdd(two, near_sum, hn::MulAdd(four, far_sum, sum));
    out[3] =
        hn::MulAdd(eight, far_difference, hn::Add(hn::Add(difference, near_difference), in[7]));
  }
};

// Along T, H and W at once: kT x kH x kW outputs of a filter with three taps along each axis that
// has more than one output. Positions and outputs count T, H, W with W fastest.
template <int kT, int kH, int kW>
struct WinogradTile {
  using T = Winograd<kT>;
  using H = Winograd<kH>;
  using W = Winograd<kW>;
  static constexpr int kOutT = kT, kOutH = kH, kOutW = kW;
  static constexpr int kIn = T::kIn * H::kIn * W::kIn;
  static constexpr int kTaps = T::kTaps * H::kTaps * W::kTaps;

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
  // kTaps taps to kIn values, an axis after the other.
  static void filter(const double* taps, double* out) {
    double by_t[T::kIn * H::kTaps * W::kTaps], by_h[T::kIn * H::kIn * W::kTaps];
    multiply<T>(1, H::kTaps * W::kTaps, taps, by_t);
    multiply<H>(T::kIn, W::kTaps, by_t, by_h);
    multiply<W>(T::kIn * H::kIn, 1, by_h, out);
  }

 private:
  // G times `inner` columns of taps, `inner` apart, in each of `outer` blocks.
  template <class Axis>
  static void multiply(int outer, int inner, const double* taps, double* out) {
    for (int o = 0; o < outer; ++o)
      for (int at = 0; at < Axis::kIn; ++at)
        for (int i = 0; i < inner; ++i) {
          double sum = 0;
          for (int tap = 0; tap < Axis::kTaps; ++tap)
            sum += Axis::kFilter[at][tap] * taps[(o * Axis::kTaps + tap) * inner + i];
          out[(o * Axis::kIn + at) * inner + i] = sum;
        }
  }

  enum Direction { kInput, kOutput };

  // Transforms `inner` lines of kFrom values, `inner` apart, in each of kOuter blocks of kBlock
  // values; kTo results a line close up.
  template <class Axis, int kOuter, int kBlock, int kInner, int kFrom, int kTo,
            Direction kDirection, class D, class V>
  HWY_INLINE static void along(D d, V* v) {
    if constexpr (kFrom > 1) {
#pragma GCC unroll 8
      for (int o = 0; o < kOuter; ++o)
#pragma GCC unroll 8
        for (int i = 0; i < kInner; ++i) {
          V in[kFrom], out[kTo];
#pragma GCC unroll 8
          for (int j = 0; j < kFrom; ++j) in[j] = v[o * kBlock + j * kInner + i];
          if constexpr (kDirection == kInput)
            Axis::input(d, in, out);
          else
            Axis::output(d, in, out);
#pragma GCC unroll 8
          for (int j = 0; j < kTo; ++j) v[o * (kBlock / kFrom * kTo) + j * kInner + i] = out[j];
        }
    }
  }
};

}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
