// Names of PTX types, and conversions between bits and values.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace ptxrun {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using u128 = unsigned __int128;
using s8 = int8_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;
using s128 = __int128;
using f16 = _Float16;
using f32 = float;
using f64 = double;

// Generated code calls these for every lane of every instruction.
#define PTXRUN_INLINE static inline __attribute__((always_inline))
// And these once a warp: out of line, so that g++ compiles a kernel in seconds.
#define PTXRUN_OUTLINE static __attribute__((noinline, unused))

PTXRUN_INLINE f32 to_f32(u32 x) { return __builtin_bit_cast(f32, x); }
PTXRUN_INLINE f64 to_f64(u64 x) { return __builtin_bit_cast(f64, x); }
PTXRUN_INLINE f16 to_f16(u16 x) { return __builtin_bit_cast(f16, x); }
PTXRUN_INLINE f32 bf16_to_f32(u16 x) { return to_f32((u32)x << 16); }
PTXRUN_INLINE u32 f32_bits(f32 x) { return __builtin_bit_cast(u32, x); }
PTXRUN_INLINE u64 f64_bits(f64 x) { return __builtin_bit_cast(u64, x); }
PTXRUN_INLINE u16 f16_bits(f16 x) { return __builtin_bit_cast(u16, x); }

PTXRUN_INLINE bool nan_bits(u32 x) { return (x & 0x7fffffffu) > 0x7f800000u; }
PTXRUN_INLINE bool inf_or_nan_bits(u32 x) { return (x & 0x7f800000u) == 0x7f800000u; }

// To nearest even; NaN becomes the canonical one.
PTXRUN_INLINE u16 bf16_bits(f32 f) {
  const u32 x = f32_bits(f);
  return nan_bits(x) ? 0x7fff : (u16)((x + 0x7fffu + ((x >> 16) & 1)) >> 16);
}
PTXRUN_INLINE u16 bf16_bits_rz(f32 f) {
  const u32 x = f32_bits(f);
  return nan_bits(x) ? 0x7fff : (u16)(x >> 16);
}
// To nearest, ties away from zero (rna) or to even (rn).
PTXRUN_INLINE u32 f32_to_tf32_rna(f32 f) {
  const u32 x = f32_bits(f);
  return inf_or_nan_bits(x) ? x : (x + 0x1000u) & 0xffffe000u;
}
PTXRUN_INLINE u32 f32_to_tf32_rn(f32 f) {
  const u32 x = f32_bits(f);
  return inf_or_nan_bits(x) ? x : (x + 0xfffu + ((x >> 13) & 1)) & 0xffffe000u;
}

PTXRUN_INLINE f32 f64_to_f32_rz(f64 x) {
  const f32 y = (f32)x;
  return std::fabs((f64)y) > std::fabs(x) ? nextafterf(y, 0.f) : y;
}
PTXRUN_INLINE f32 f64_to_f32_rm(f64 x) {
  const f32 y = (f32)x;
  return (f64)y > x ? nextafterf(y, -INFINITY) : y;
}
PTXRUN_INLINE f32 f64_to_f32_rp(f64 x) {
  const f32 y = (f32)x;
  return (f64)y < x ? nextafterf(y, INFINITY) : y;
}
// A float32 operation computed in double, rounded to zero (1), down (2) or up (3).
template <int kRounding>
PTXRUN_INLINE f32 directed(f64 x) {
  return kRounding == 1 ? f64_to_f32_rz(x) : kRounding == 2 ? f64_to_f32_rm(x) : f64_to_f32_rp(x);
}

// Values in memory may have any alignment in host terms.
template <class T>
PTXRUN_INLINE T load(const char* p) {
  T v;
  memcpy(&v, p, sizeof(T));
  return v;
}
template <class T>
PTXRUN_INLINE void store(char* p, T v) {
  memcpy(p, &v, sizeof(T));
}

}  // namespace ptxrun
