// Operand values whose products and sums are exact, and their formats.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace ptxrun_test {

// Multiples of 1/4 from -2 to 2.
inline std::vector<float> quarters(size_t count) {
  static uint32_t state = 1;
  std::vector<float> values(count);
  for (float& value : values) {
    state = state * 1664525 + 1013904223;
    value = int(state >> 24) % 17 / 4.f - 2.f;
  }
  return values;
}

enum class Format { f16, bf16, tf32 };

inline void write(void* to, float value, Format format) {
  const __half half = __float2half(value);
  const __nv_bfloat16 bfloat = __float2bfloat16(value);
  switch (format) {
    case Format::f16: memcpy(to, &half, sizeof half); break;
    case Format::bf16: memcpy(to, &bfloat, sizeof bfloat); break;
    case Format::tf32: memcpy(to, &value, sizeof value); break;
  }
}

}  // namespace ptxrun_test
