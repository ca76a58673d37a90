// Element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string_view>

namespace sf {

// f64 exists in reference kernels only; bf16 and f16 are storage types, arithmetic is float32.
enum class DType : uint8_t { f32, f64, f16, bf16, u8, i32, i64 };

inline bool is_half(DType dtype) { return dtype == DType::bf16 || dtype == DType::f16; }

// What a kernel computes in: f64 and f32 in themselves, the half types in f32.
inline DType arithmetic_of(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

size_t size_of(DType dtype);
std::string_view name_of(DType dtype);
std::ostream& operator<<(std::ostream& out, DType dtype);

// Throws sf::Error for names other than those name_of gives.
DType parse_dtype(std::string_view name);

template <class T>
inline constexpr DType dtype_of = [] {
  static_assert(sizeof(T) == 0, "not an element type");
  return DType::f32;
}();
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;
template <>
inline constexpr DType dtype_of<int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<int64_t> = DType::i64;

}  // namespace sf
