// What the 32 lanes of a warp do together: all of them, at the same place. Part of device.h.
#pragma once

#include "kernels/base/device.h"

namespace sf::SF_DEVICE_NS {

SF_DEVICE int lane_index() {
#if defined(__CUDACC__)
  return int(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % kWarpSize;
#else
  return this_thread->lane;
#endif
}

#if !defined(__CUDACC__)
// Every lane gets what lane source(l) brought.
template <class T, class Source>
T exchange(const char* name, T value, const Site& site, const Source& source) {
  struct Lane {
    T in, out;
  } lane{value, value};
  warp_collective(name, lane, site, [&](Lane* const(&lanes)[kWarpSize]) {
    for (int l = 0; l < kWarpSize; ++l) lanes[l]->out = lanes[source(l)]->in;
  });
  return lane.out;
}
#endif

// The value of lane `from`, the same in every lane.
template <class T>
SF_DEVICE T shuffle(T value, int from, [[maybe_unused]] Site site SF_HERE) {
#if defined(__CUDACC__)
  return __shfl_sync(kFullWarp, value, from);
#else
  struct Lane {
    T in, out;
    int from;
  } lane{value, value, from};
  warp_collective("shuffle", lane, site, [](Lane* const(&lanes)[kWarpSize]) {
    for (Lane* l : lanes) l->out = lanes[l->from % kWarpSize]->in;
  });
  return lane.out;
#endif
}

// The value of lane l ^ mask.
template <class T>
SF_DEVICE T shuffle_xor(T value, int mask, [[maybe_unused]] Site site SF_HERE) {
#if defined(__CUDACC__)
  return __shfl_xor_sync(kFullWarp, value, mask);
#else
  return exchange("shuffle_xor", value, site, [mask](int l) { return (l ^ mask) % kWarpSize; });
#endif
}

// The value of lane l + delta, of lane l itself where there is none.
template <class T>
SF_DEVICE T shuffle_down(T value, int delta, [[maybe_unused]] Site site SF_HERE) {
#if defined(__CUDACC__)
  return __shfl_down_sync(kFullWarp, value, delta);
#else
  return exchange("shuffle_down", value, site,
                  [delta](int l) { return l + delta < kWarpSize ? l + delta : l; });
#endif
}

// Sum and maximum over the warp, the same in every lane, by halving: 16, 8, 4, 2, 1.
template <class T>
SF_DEVICE T warp_sum(T value, [[maybe_unused]] Site site SF_HERE) {
  for (int mask = kWarpSize / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask, site);
  return value;
}
template <class T>
SF_DEVICE T warp_max(T value, [[maybe_unused]] Site site SF_HERE) {
  for (int mask = kWarpSize / 2; mask > 0; mask /= 2)
    value = maximum(value, shuffle_xor(value, mask, site));
  return value;
}

// Bit l: the predicate of lane l.
SF_DEVICE uint32_t ballot(bool predicate, [[maybe_unused]] Site site SF_HERE) {
#if defined(__CUDACC__)
  return __ballot_sync(kFullWarp, predicate);
#else
  struct Lane {
    bool in;
    uint32_t out;
  } lane{predicate, 0};
  warp_collective("ballot", lane, site, [](Lane* const(&lanes)[kWarpSize]) {
    uint32_t bits = 0;
    for (int l = 0; l < kWarpSize; ++l) bits |= uint32_t(lanes[l]->in) << l;
    for (Lane* l : lanes) l->out = bits;
  });
  return lane.out;
#endif
}

// Orders the shared memory accesses of the lanes of one warp.
SF_DEVICE void sync_warp([[maybe_unused]] Site site SF_HERE) {
#if defined(__CUDACC__)
  __syncwarp();
#else
  char nothing = 0;
  warp_collective("sync_warp", nothing, site, [](char* const(&)[kWarpSize]) {});
#endif
}

}  // namespace sf::SF_DEVICE_NS
