// What a kernel sees of the executor: its thread, warp and block, and the operations that wait for
// other threads. A thread of a kernel is a fiber; all threads of a block share an OS thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace sf::simt {

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr size_t count() const { return size_t(x) * y * z; }
};

using Site = std::source_location;  // a place in a kernel

constexpr int kWarpSize = 32;

// A cp.async that has not been waited for.
struct PendingCopy {
  std::byte* to;
  const std::byte* from;  // null: zeros
  int bytes, group;
};

struct Warp {
  uint32_t lanes = 0;       // that exist; fewer than 32 where the block ends inside the warp
  uint32_t runnable = 0;    // can go on
  uint32_t at_barrier = 0;  // wait at __syncthreads
  uint32_t exited = 0;
  uint32_t arrived = 0;  // wait at the collective below
  const char* collective = nullptr;
  Site site;
  void* brought[kWarpSize];  // what each lane brought to the collective
};

class Worker;

struct Thread {
  dim3 index;
  int lane = 0;
  Warp* warp = nullptr;
  Worker* worker = nullptr;  // the fiber that the thread has begun on
  int group = 0;             // of cp.async, the open one
  std::vector<PendingCopy> copies;
};

struct Block {
  dim3 index, dim, grid;
  std::byte* shared = nullptr;
  size_t shared_bytes = 0;
  // What shared memory and its margins span, and whether accesses to elsewhere are of interest too.
  uintptr_t span_begin = 0, span_end = 0;
  bool watched = false;
};

// Of the thread that runs at the moment on this OS thread.
extern constinit thread_local Thread* this_thread;
extern constinit thread_local Block* this_block;

// Ends the launch: sf::Error with the kernel, block and thread before the text and the place after
// it.
[[noreturn]] void report(const std::string& what, const Site& where);

// Waits until every thread of the block has come to the same place.
void syncthreads(const Site& where = Site::current());

// The two halves of a warp collective: all 32 lanes bring something to the same operation at the
// same place. True in the lane that came last, which then combines what all brought and calls
// complete(); false in the others, when that has happened.
bool arrive(const char* collective, void* brought, const Site& where);
void complete();

// combine(Lane* const (&lanes)[32]) runs once, when every lane has brought its own.
template <class Lane, class Combine>
void warp_collective(const char* name, Lane& lane, const Site& where, const Combine& combine) {
  if (!arrive(name, &lane, where)) return;
  Lane* lanes[kWarpSize];
  for (int i = 0; i < kWarpSize; ++i) lanes[i] = static_cast<Lane*>(this_thread->warp->brought[i]);
  combine(lanes);
  complete();
}

// cp.async: the destination is NaN until the thread waits for the group; a copy that is not valid
// lands as zeros.
void cp_async(void* to, const void* from, int bytes, bool valid, const Site& where);
void cp_async_commit();
// Lands all groups but the last `pending` that were committed.
void cp_async_wait(int pending);

enum class Access : uint8_t { load, store };

void check_access(Access kind, const void* address, size_t bytes, const Site& where);

// Reports an access that is misaligned or that touches shared memory outside the block's, and
// counts it where Counters are active. `bytes` is a power of two.
inline void access(Access kind, const void* address, size_t bytes, const Site& where) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  const Block& block = *this_block;
  const bool elsewhere = at < block.span_begin || at >= block.span_end;
  if (elsewhere && (at & (bytes - 1)) == 0 && !block.watched) return;
  check_access(kind, address, bytes, where);
}

// Counts multiply-adds that a kernel makes in plain expressions.
void count_fma(int n);

}  // namespace sf::simt
