// What a running kernel consists of: warps of 32 lanes in lockstep, CTAs, and the checks' notes.
#pragma once

#include <atomic>
#include <cstdio>
#include <mutex>
#include <vector>

#include "device/types.h"

namespace ptxrun {

struct Cta;
struct WarpAsync;  // bulk copies and wgmma of a warp
struct CtaAsync;   // mbarriers of a CTA

// Lanes that stand at one basic block.
struct Group {
  s32 pc;
  u32 lanes;
  s32 state;  // kRunnable, kWaitingForLanes, kYielded or at_barrier()
};
constexpr s32 kRunnable = 0;
constexpr s32 kWaitingForLanes = -1;  // of its warp, to execute a warp-wide instruction together
constexpr s32 kYielded = -3;          // lets other warps run, then tries again
// count: threads the barrier waits for, 0 for all of the CTA.
PTXRUN_INLINE s32 at_barrier(int id, int count) { return 1 + id + 16 * count; }
PTXRUN_INLINE int barrier_of(s32 state) { return (state - 1) & 15; }
PTXRUN_INLINE int barrier_count(s32 state) { return (state - 1) / 16; }

// A cp.async that has not landed.
struct PendingCopy {
  char* to;
  u64 from;
  u8 size, source_size;  // the rest is zeros
  s32 line;
  u32 group;
};

struct Warp {
  Cta* cta;
  u32 index;
  u32 live;  // lanes that have not exited
  int group_count;
  Group groups[40];
  u32 tid_x[32], tid_y[32], tid_z[32];
  char* local;  // local_bytes for each lane
  size_t local_bytes;
  std::vector<PendingCopy> copies[32];
  u32 copy_group[32];  // number of the open cp.async group
  u32 reduction[16];   // results of bar.red: count, bit 16 any, bit 17 all
  int forced;          // a group may pass a warp-wide instruction without the others
  u32 yielded;         // lanes whose mbarrier wait failed
  u32 wait_line, wait_address;
  u32 proxy_fence;  // time of the last fence.proxy.async
  u32 cluster_phase[32];
  u32 late_yields;
  WarpAsync* async;
  const u32* tagged_registers;  // offsets of registers that may hold a wgmma result's tag
  u32 tagged_count;
};

struct Barrier {
  u32 arrived, count, any, all;
};

// The race detector's note on four bytes of shared memory. Warps are numbered from 1. Notes of
// another epoch (before the last barrier) count as empty, but for copies in flight.
struct SharedWord {
  u32 epoch;
  u16 writer, reader;
  u16 many_readers;
  u8 in_flight;       // an asynchronous copy writes here
  u8 generic_writer;  // last ordinary store, for fence.proxy.async
  u32 written_at;     // time of that store
};

struct Cta {
  u32 ntid_x, ntid_y, ntid_z, nctaid_x, nctaid_y, nctaid_z, ctaid_x, ctaid_y, ctaid_z;
  char* shared;
  u32 shared_bytes;
  const char* params;
  u32 thread_count, warp_count;
  Barrier barriers[16];
  u32 epoch;
  SharedWord* words;  // null: races are not looked for
  Warp** warps;
  u64 progress;  // changes while anything happens; a CTA without progress is deadlocked
  u32 proxy_time, cluster_arrived, cluster_phase;
  bool used_async;
  CtaAsync* async;
};

struct KernelInfo {
  const char* name;
  int (*run)(Warp*);      // until the warp ends (0) or all its lanes wait (1)
  Warp* (*make)();        // with this kernel's registers
  void (*poison)(Warp*);  // fills the registers
  void (*free)(Warp*);
  u32 shared_bytes, local_bytes, max_threads, parameter_bytes;
  int parameter_count;
  const u32* parameter_offset;
  const u32* parameter_size;
  const char* const* parameter_type;
};
struct GlobalSymbol {
  const char* name;
  void* address;
  u64 size;
};

// The launch in progress; one at a time. Not `inline`: g++ would merge them over all modules of a
// process.
static int g_check = 1;  // 0 nothing, 1 addresses, 2 races too
static bool g_multithreaded = false;
static const char* g_kernel_name = "";
static const char* const* g_source_lines = nullptr;
static std::atomic<u64> g_instructions{0}, g_errors{0};

static u64 g_errors_before = 0;  // this launch
constexpr u64 kErrorsShown = 5;  // of a launch

// Counts an error of a lane and, for the first ones, prints it with the PTX line.
PTXRUN_OUTLINE void report(Warp* w, int lane, int line, const char* what, u64 address, u32 size) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (g_errors.fetch_add(1) - g_errors_before >= kErrorsShown) return;
  const Cta& c = *w->cta;
  fprintf(stderr,
          "ptxrun: error in %s: %s, address 0x%llx, size %u, block (%u,%u,%u), thread (%u,%u,%u), "
          "PTX line %d: %s\n",
          g_kernel_name, what, (unsigned long long)address, size, c.ctaid_x, c.ctaid_y, c.ctaid_z,
          w->tid_x[lane], w->tid_y[lane], w->tid_z[lane], line,
          g_source_lines ? g_source_lines[line] : "");
}

// For each lane l of m.
#define FOR_ACTIVE                                   \
  for (u32 rest_m = m; rest_m; rest_m &= rest_m - 1) \
    for (int l = __builtin_ctz(rest_m), once_ = 1; once_; once_ = 0)

// Reports unless all 32 lanes execute.
PTXRUN_INLINE void require_whole_warp(Warp* w, u32 m, int line, const char* what) {
  if (m != ~0u) report(w, 0, line, what, m, 0);
}

}  // namespace ptxrun
