// What kernels do, counted while they run on the host: memory transactions as a GPU would make them
// of the accesses of each warp, and arithmetic.
//
// Seen are load and store of Vec, async_copy, load_matrices, the mma functions, count_fma and
// barriers; accesses through plain pointers and arithmetic in plain expressions are not. The n-th
// access of each lane at one place in the source counts as one access of the warp, so lanes that
// pass a place a different number of times are matched by order.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace sf::simt {

struct Counts {
  int64_t launches = 0, blocks = 0;
  // Accesses of warps to global memory, the sectors of 32 bytes that they touch, and the bytes that
  // their lanes ask for. Coalesced means bytes == 32 sectors.
  int64_t global_loads = 0, global_load_sectors = 0, global_load_bytes = 0;
  int64_t global_stores = 0, global_store_sectors = 0, global_store_bytes = 0;
  int64_t narrow_global_accesses = 0;  // of those, less than 16 bytes a lane
  // Accesses of warps to shared memory, the passes that a GPU makes for them, and how many of those
  // it makes for bank conflicts alone.
  int64_t shared_accesses = 0, shared_passes = 0, bank_conflicts = 0;
  int64_t tensor_core_fma = 0, fma = 0;
  int64_t barriers = 0;  // of whole blocks

  Counts& operator+=(const Counts& other);
};

// Counts the launches of all threads during its life. One at a time.
class Counters {
 public:
  Counters();
  ~Counters();
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  // By the place of the launch: "pointwise/pointwise.cu:118".
  const std::map<std::string, Counts>& by_launch() const { return by_launch_; }
  Counts total() const;

  // Those that live, or null.
  static Counters* active();
  // Adds what a launch did; from the thread that launched.
  void add(const std::string& launch, const Counts& counts) { by_launch_[launch] += counts; }

 private:
  std::map<std::string, Counts> by_launch_;
};

}  // namespace sf::simt
