// Gathers the accesses of one block until it ends, then turns them into Counts.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "kernels/simt/counters.h"
#include "kernels/simt/thread.h"

namespace sf::simt {

class Recorder {
 public:
  Counts counts;

  // An access of one lane.
  void access(const Thread& thread, Access kind, bool shared, const void* address, size_t bytes,
              const Site& where);
  // An access of eight lanes, 16 bytes each, in one pass if no banks conflict.
  void matrix(std::span<const void* const, 8> rows);
  // Accounts for what was gathered.
  void end_block();

 private:
  struct WarpAccess {
    bool shared, store;
    size_t bytes;
    int lanes = 0;
    uintptr_t addresses[kWarpSize];
  };
  struct Key {
    uint64_t place, ordinal;
    const void* who;  // a thread: its ordinals; a warp: its accesses
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const {
      return size_t((key.place * 31 + key.ordinal) * 0x9E3779B97F4A7C15u) ^
             reinterpret_cast<uintptr_t>(key.who);
    }
  };

  void account_global(const WarpAccess& access);
  void account_shared(const WarpAccess& access);

  std::unordered_map<Key, uint64_t, Hash> passed_;  // how often a thread has passed a place
  std::unordered_map<Key, WarpAccess, Hash> accesses_;
};

}  // namespace sf::simt
