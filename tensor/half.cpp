#include "tensor/half.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace sf {
namespace {

float f32_from_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

float f32_from_f16(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 31;
  const uint32_t mantissa = bits & 0x3FF;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24
    return std::copysign(float(mantissa) * 0x1p-24f, std::bit_cast<float>(sign));
  }
  const uint32_t widened = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | widened << 23 | mantissa << 13);
}

}  // namespace

Tensor f32_from_half(const Tensor& tensor) {
  if (tensor.dtype() != DType::f16 && tensor.dtype() != DType::bf16) return tensor;
  const auto convert = tensor.dtype() == DType::f16 ? f32_from_f16 : f32_from_bf16;
  Tensor out({tensor.shape(), DType::f32});
  const std::byte* in = tensor.data();
  for (float& value : out.span<float>()) {
    uint16_t bits;
    std::memcpy(&bits, in, sizeof bits);
    value = convert(bits);
    in += sizeof bits;
  }
  return out;
}

}  // namespace sf
