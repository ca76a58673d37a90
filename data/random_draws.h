// Draws of the loaders from counter-based generators.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/base/counter_rng.h"

namespace sf {

// The generator of part i of what `rng` is for.
inline CounterRng derived(const CounterRng& rng, uint64_t i) { return CounterRng(rng.bits(i)); }

// Evenly from [0, 1), of 53 bits.
inline double unit(const CounterRng& rng, uint64_t i) {
  return double(rng.bits(i) >> 11) * 0x1p-53;
}

// Evenly from [lo, hi].
inline double uniform(const CounterRng& rng, uint64_t i, double lo, double hi) {
  return lo + (hi - lo) * unit(rng, i);
}

// Evenly from [0, n), for n in [1, 2^53].
inline int64_t below(const CounterRng& rng, uint64_t i, int64_t n) {
  const auto value = int64_t(unit(rng, i) * double(n));
  return value < n ? value : n - 1;
}

// The numbers [0, n) in random order.
std::vector<int64_t> permutation(const CounterRng& rng, int64_t n);

}  // namespace sf
