// Scalar instructions whose PTX meaning differs from the C++ operator's.
#pragma once

#include <type_traits>

#include "device/types.h"

namespace ptxrun {

// What hardware gives instead of a trap.
template <class T>
PTXRUN_INLINE T divide(T a, T b) {
  if (b == 0) return (T) ~(T)0;
  if (std::is_signed_v<T> && b == (T)-1) return (T)(0 - (std::make_unsigned_t<T>)a);
  return a / b;
}
template <class T>
PTXRUN_INLINE T remainder(T a, T b) {
  if (b == 0) return a;
  if (std::is_signed_v<T> && b == (T)-1) return 0;
  return a % b;
}

// NaN loses against a number; -0 is less than +0.
PTXRUN_INLINE f32 float_min(f32 a, f32 b) {
  if (a != a) return b;
  if (b != b || a < b) return a;
  if (b < a) return b;
  return f32_bits(a) >> 31 ? a : b;
}
PTXRUN_INLINE f32 float_max(f32 a, f32 b) {
  if (a != a) return b;
  if (b != b || a > b) return a;
  if (b > a) return b;
  return f32_bits(a) >> 31 ? b : a;
}
PTXRUN_INLINE f64 float_min(f64 a, f64 b) { return fmin(a, b); }
PTXRUN_INLINE f64 float_max(f64 a, f64 b) { return fmax(a, b); }
template <class T>
PTXRUN_INLINE T integer_min(T a, T b) {
  return a < b ? a : b;
}
template <class T>
PTXRUN_INLINE T integer_max(T a, T b) {
  return a > b ? a : b;
}
PTXRUN_INLINE s64 clamp(s64 x, s64 low, s64 high) { return x < low ? low : x > high ? high : x; }
PTXRUN_INLINE s64 saturate_s32(s64 x) { return clamp(x, INT32_MIN, INT32_MAX); }
PTXRUN_INLINE f32 saturate(f32 x) { return x != x || x < 0.f ? 0.f : x > 1.f ? 1.f : x; }

PTXRUN_INLINE u16 multiply_high(u16 a, u16 b) { return (u32)a * b >> 16; }
PTXRUN_INLINE s16 multiply_high(s16 a, s16 b) { return (s32)a * b >> 16; }
PTXRUN_INLINE u32 multiply_high(u32 a, u32 b) { return (u64)a * b >> 32; }
PTXRUN_INLINE s32 multiply_high(s32 a, s32 b) { return (s64)a * b >> 32; }
PTXRUN_INLINE u64 multiply_high(u64 a, u64 b) { return (u128)a * b >> 64; }
PTXRUN_INLINE s64 multiply_high(s64 a, s64 b) { return (s128)a * b >> 64; }

// A, B: s8 or u8, how the bytes of a and b are read.
template <class A, class B>
PTXRUN_INLINE u32 dot_bytes(u32 a, u32 b, u32 c) {
  for (int i = 0; i < 4; ++i) c += (s32)(A)(a >> 8 * i) * (s32)(B)(b >> 8 * i);
  return c;
}

template <class T>
PTXRUN_INLINE T shift_left(T a, u32 count) {
  return count >= sizeof(T) * 8 ? 0 : (T)(a << count);
}
template <class T>
PTXRUN_INLINE T shift_right(T a, u32 count) {
  const u32 bits = sizeof(T) * 8;
  if (count < bits) return a >> count;
  return std::is_signed_v<T> ? (T)(a >> (bits - 1)) : (T)0;
}

template <class T>
PTXRUN_INLINE T bit_field_extract(T a, u32 position, u32 length) {
  using U = std::make_unsigned_t<T>;
  constexpr u32 kBits = sizeof(T) * 8;
  position &= 255;
  length &= 255;
  if (length == 0) return 0;
  U field = position >= kBits ? 0 : (U)((U)a >> position);
  if (length < kBits) field &= ((U)1 << length) - 1;
  if (!std::is_signed_v<T>) return (T)field;
  const u32 sign = position + length - 1 < kBits - 1 ? position + length - 1 : kBits - 1;
  if (!(((U)a >> sign) & 1)) return (T)field;
  if (position >= kBits) return (T)-1;
  if (length < kBits) field |= ~(((U)1 << length) - 1);
  if (position + length > kBits) field |= ~((U) ~(U)0 >> position);
  return (T)field;
}
template <class T>
PTXRUN_INLINE T bit_field_insert(T a, T b, u32 position, u32 length) {
  constexpr u32 kBits = sizeof(T) * 8;
  position &= 255;
  length &= 255;
  if (length == 0 || position >= kBits) return b;
  const T mask = (length >= kBits ? ~(T)0 : (((T)1 << length) - 1)) << position;
  return (b & ~mask) | ((a << position) & mask);
}

PTXRUN_INLINE u32 reverse_bits(u32 x) {
  x = (x >> 1 & 0x55555555u) | ((x & 0x55555555u) << 1);
  x = (x >> 2 & 0x33333333u) | ((x & 0x33333333u) << 2);
  x = (x >> 4 & 0x0f0f0f0fu) | ((x & 0x0f0f0f0fu) << 4);
  return __builtin_bswap32(x);
}
PTXRUN_INLINE u64 reverse_bits(u64 x) {
  return (u64)reverse_bits((u32)x) << 32 | reverse_bits((u32)(x >> 32));
}
PTXRUN_INLINE u32 leading_zeros(u32 x) { return x ? __builtin_clz(x) : 32; }
PTXRUN_INLINE u32 leading_zeros(u64 x) { return x ? __builtin_clzll(x) : 64; }

// Of the highest bit that is not the sign; all ones if there is none.
PTXRUN_INLINE u32 highest_bit(u32 x) { return x ? 31 - __builtin_clz(x) : ~0u; }
PTXRUN_INLINE u32 highest_bit(u64 x) { return x ? 63 - __builtin_clzll(x) : ~0u; }
PTXRUN_INLINE u32 highest_bit(s32 x) { return highest_bit((u32)(x < 0 ? ~x : x)); }
PTXRUN_INLINE u32 highest_bit(s64 x) { return highest_bit((u64)(x < 0 ? ~x : x)); }
// How far to shift left to bring it to the top.
template <class T>
PTXRUN_INLINE u32 highest_bit_shift(T x) {
  const u32 at = highest_bit(x);
  return at == ~0u ? at : sizeof(T) * 8 - 1 - at;
}

PTXRUN_INLINE u32 permute_bytes(u32 a, u32 b, u32 selector) {
  const u64 bytes = (u64)b << 32 | a;
  u32 result = 0;
  for (int i = 0; i < 4; ++i) {
    const u32 choice = selector >> (4 * i) & 15;
    u32 byte = bytes >> (8 * (choice & 7)) & 255;
    if (choice & 8) byte = byte & 128 ? 255 : 0;  // its sign
    result |= byte << (8 * i);
  }
  return result;
}
PTXRUN_INLINE u32 logic_of_three(u32 a, u32 b, u32 c, u32 table) {
  u32 r = 0;  // spelled out: the table is a constant, and g++ keeps only the terms that are set
  if (table & 1) r |= ~a & ~b & ~c;
  if (table & 2) r |= ~a & ~b & c;
  if (table & 4) r |= ~a & b & ~c;
  if (table & 8) r |= ~a & b & c;
  if (table & 16) r |= a & ~b & ~c;
  if (table & 32) r |= a & ~b & c;
  if (table & 64) r |= a & b & ~c;
  if (table & 128) r |= a & b & c;
  return r;
}

// Saturating; NaN gives 0, or the lowest s64 for 64 bits.
template <class To, class From>
PTXRUN_INLINE To float_to_integer(From x) {
  if constexpr (std::is_same_v<To, s32> && std::is_same_v<From, f32>) {  // the frequent case
    if (x != x) return 0;
    return x >= 2147483648.f ? INT32_MAX : x < -2147483648.f ? INT32_MIN : (s32)x;
  }
  constexpr bool kSigned = std::is_signed_v<To>;
  constexpr int kBits = sizeof(To) * 8;
  if (x != x) return kBits == 64 ? (To)((u64)1 << 63) : 0;
  const f64 v = (f64)x;
  if (v >= std::ldexp(1.0, kSigned ? kBits - 1 : kBits))
    return kSigned ? (To)(((u64)1 << (kBits - 1)) - 1) : (To) ~(u64)0;
  if (v < (kSigned ? -std::ldexp(1.0, kBits - 1) : 0.0))
    return kSigned ? (To)((u64)1 << (kBits - 1)) : (To)0;
  return (To)v;
}
// 0 nearest even, 1 toward zero, 2 down, 3 up.
PTXRUN_INLINE f32 round_to_integral(f32 x, int how) {
  return how == 0 ? nearbyintf(x) : how == 1 ? truncf(x) : how == 2 ? floorf(x) : ceilf(x);
}
PTXRUN_INLINE f64 round_to_integral(f64 x, int how) {
  return how == 0 ? nearbyint(x) : how == 1 ? trunc(x) : how == 2 ? floor(x) : ceil(x);
}

// Halves: one rounding, as hardware's fused operations have.
PTXRUN_INLINE f16 fma_f16(f16 a, f16 b, f16 c) { return (f16)((f64)a * (f64)b + (f64)c); }
// The caller rounds to bf16; an inexact float32 is made odd first, or there would be two roundings.
PTXRUN_INLINE f32 fma_bf16(f32 a, f32 b, f32 c) {
  const f64 exact = (f64)a * (f64)b + (f64)c;
  const f32 rounded = (f32)exact;
  return (f64)rounded == exact ? rounded : to_f32(f32_bits(f64_to_f32_rz(exact)) | 1);
}
template <class F>
PTXRUN_INLINE u32 map_f16x2(u32 a, u32 b, F f) {
  return (u32)f16_bits(f(to_f16((u16)a), to_f16((u16)b))) |
         (u32)f16_bits(f(to_f16((u16)(a >> 16)), to_f16((u16)(b >> 16)))) << 16;
}
template <class F>
PTXRUN_INLINE u32 map_bf16x2(u32 a, u32 b, F f) {
  return (u32)bf16_bits(f(bf16_to_f32((u16)a), bf16_to_f32((u16)b))) |
         (u32)bf16_bits(f(bf16_to_f32((u16)(a >> 16)), bf16_to_f32((u16)(b >> 16)))) << 16;
}
PTXRUN_INLINE u32 fma_f16x2(u32 a, u32 b, u32 c) {
  return (u32)f16_bits(fma_f16(to_f16((u16)a), to_f16((u16)b), to_f16((u16)c))) |
         (u32)f16_bits(fma_f16(to_f16(a >> 16), to_f16(b >> 16), to_f16(c >> 16))) << 16;
}
PTXRUN_INLINE u32 fma_bf16x2(u32 a, u32 b, u32 c) {
  const f32 low = fma_bf16(bf16_to_f32((u16)a), bf16_to_f32((u16)b), bf16_to_f32((u16)c));
  const f32 high = fma_bf16(bf16_to_f32(a >> 16), bf16_to_f32(b >> 16), bf16_to_f32(c >> 16));
  return (u32)bf16_bits(low) | (u32)bf16_bits(high) << 16;
}

}  // namespace ptxrun
