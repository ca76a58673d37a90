// Half-precision storage types: 16 bits in memory, float32 in arithmetic. For host and device.
#pragma once

#include <cstdint>

#include "kernels/base/dtype.h"
#include "kernels/base/host_device.h"

namespace sf {

SF_HOST_DEVICE inline uint32_t bits_of(float value) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(value);
#else
  return __builtin_bit_cast(uint32_t, value);
#endif
}

SF_HOST_DEVICE inline float float_of(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  return __builtin_bit_cast(float, bits);
#endif
}

// The upper half of a float32. Conversions round to nearest, ties to even; NaN stays NaN.
struct bf16 {
  uint16_t bits;

  bf16() = default;
  SF_HOST_DEVICE explicit bf16(float value) {
    const uint32_t u = bits_of(value);
    const bool nan = (u & 0x7FFFFFFF) > 0x7F800000;
    bits = uint16_t(nan ? u >> 16 | 0x40 : (u + 0x7FFF + (u >> 16 & 1)) >> 16);
  }
  SF_HOST_DEVICE operator float() const { return float_of(uint32_t(bits) << 16); }
};

// IEEE 754 binary16. Conversions round to nearest, ties to even; what exceeds 65504 by half a step
// or more becomes infinite.
struct f16 {
  uint16_t bits;

  f16() = default;
  SF_HOST_DEVICE explicit f16(float value) {
#if defined(__CUDA_ARCH__)
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
    const uint32_t u = bits_of(value), magnitude = u & 0x7FFFFFFF;
    uint32_t half;
    if (magnitude > 0x7F800000) {
      half = 0x7E00 | (magnitude >> 13 & 0x1FF);
    } else if (magnitude >= 0x47800000) {  // 2^16 and more
      half = 0x7C00;
    } else if (magnitude >= 0x38800000) {  // normal from 2^-14 on
      half = (magnitude - 0x38000000 + 0xFFF + (magnitude >> 13 & 1)) >> 13;
    } else {
      // The sum's last place is 2^-24, that of the subnormals; the addition rounds.
      half = bits_of(float_of(magnitude) + 0.5F) - bits_of(0.5F);
    }
    bits = uint16_t((u >> 16 & 0x8000) | half);
#endif
  }
  SF_HOST_DEVICE operator float() const {
#if defined(__CUDA_ARCH__)
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
#else
    const uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31,
                   mantissa = bits & 0x3FF;
    if (exponent == 0)  // zero or subnormal: mantissa * 2^-24
      return float_of(bits_of(float(mantissa) * 0x1p-24F) | sign);
    return float_of(sign | (exponent == 31 ? 255 : exponent + 112) << 23 | mantissa << 13);
#endif
  }
};

template <>
inline constexpr DType dtype_of<bf16> = DType::bf16;
template <>
inline constexpr DType dtype_of<f16> = DType::f16;

}  // namespace sf
