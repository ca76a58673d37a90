// Counter-based random values: a value depends on its key and its index alone, so any part of a
// stream can be made on any thread in any order. SplitMix64 (Steele, Lea, Flood 2014) over a key
// from FNV-1a.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

#include "kernels/base/host_device.h"

namespace sf {

constexpr uint64_t fnv1a64(std::string_view bytes) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (char c : bytes) hash = (hash ^ uint8_t(c)) * 0x100000001B3u;
  return hash;
}

class CounterRng {
 public:
  SF_HOST_DEVICE explicit constexpr CounterRng(uint64_t key) : key_(key) {}
  explicit constexpr CounterRng(std::string_view name) : key_(fnv1a64(name)) {}

  // 64 random bits of position i.
  SF_HOST_DEVICE constexpr uint64_t bits(uint64_t i) const {
    uint64_t z = key_ + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  // Uniform in [lo, hi), computed in float32 from the upper 24 bits.
  SF_HOST_DEVICE float uniform(uint64_t i, float lo, float hi) const {
    const float unit = float(bits(i) >> 40) * 0x1p-24f;
    const float scaled = (hi - lo) * unit;
    return lo + scaled;
  }

  // Standard normal, by Box and Muller from positions 2i and 2i + 1.
  double normal(uint64_t i) const {
    const double u = (double(bits(2 * i) >> 11) + 1) * 0x1p-53;
    const double v = double(bits(2 * i + 1) >> 11) * 0x1p-53;
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
  }

 private:
  uint64_t key_;
};

}  // namespace sf
