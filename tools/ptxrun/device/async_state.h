// sm_90a: work in flight. Asynchronous data land as late as the program allows: loads when a wait
// on their mbarrier needs them (NaN and an in-flight mark until then), stores at wait_group, wgmma
// results at wgmma.wait_group (tagged NaN in the accumulators until then).
#pragma once

#include <map>

#include "device/matrix.h"
#include "device/tensor_map.h"

namespace ptxrun {

enum BulkKind { kGlobalToShared, kSharedToGlobal, kSharedToShared };
// What a copy does with its destination; kAddByMap: as the tensor map's type says.
enum Reduction { kCopy, kAddF32, kAddF16, kAddBF16, kAddU32, kAddU64, kAddByMap };

struct BulkCopy {
  Warp* warp;
  int lane, line;
  BulkKind kind;
  Reduction reduction;
  u32 shared;  // the destination of kSharedToShared
  u64 other;   // global address, or the shared source
  u32 size;
  bool is_tensor;
  TensorMap map;
  s32 coordinate[5];
  u32 tap[3];            // im2col offsets
  std::vector<u8> read;  // what a store took from shared memory
};
struct BulkGroup {
  std::vector<BulkCopy> copies;
  bool has_read;
};

struct MBarrier {
  u32 expected, pending;
  s64 transactions;
  u64 phase;
  std::vector<BulkCopy> loads;
};

struct WgmmaShape {
  u32 columns, depth;
  Element type, accumulator_type;
  u32 registers;  // of a lane's accumulators
  u64 a_descriptor, b_descriptor;
  bool negate_a, negate_b, transpose_a, transpose_b;
};
struct WgmmaOperation {
  WgmmaShape shape;
  int line;
  u32 sequence, group;
  bool a_in_registers, accumulate, done;
  u32 a[4][32];
  std::vector<u32> input, output;  // accumulators, registers x 32
};

struct WarpAsync {
  std::vector<BulkCopy> open[32];
  std::vector<BulkGroup> groups[32];
  std::vector<WgmmaOperation> wgmma;
  u32 wgmma_sequence, wgmma_group;
  bool fenced;
};
struct CtaAsync {
  std::map<u32, MBarrier> barriers;  // by shared address
};

constexpr u32 kMaxTransactions = 1u << 20;

// Swizzle of 16 << bits bytes.
PTXRUN_INLINE u32 swizzle(u32 address, int bits) {
  return bits ? address ^ ((address >> 3) & (((1u << bits) - 1) << 4)) : address;
}

// Reports an address that a bulk copy, mbarrier or matrix cannot have.
PTXRUN_OUTLINE bool bad_shared(Warp* w, int lane, int line, u32 address, u64 size, u32 alignment) {
  const bool misaligned = address & (alignment - 1);
  if (!misaligned && address + size <= w->cta->shared_bytes) return false;
  report(w, lane, line,
         misaligned ? "misaligned shared address of a bulk copy, mbarrier or matrix"
                    : "out-of-bounds shared access (bulk copy, mbarrier or wgmma)",
         address, misaligned ? alignment : (u32)size);
  return true;
}

enum AsyncAccess { kAsyncRead, kAsyncWrite, kAsyncLanded };

// The race detector for the asynchronous proxy. `reader`: the mark of a warp or a warpgroup.
PTXRUN_OUTLINE void note_async_access(Warp* w, int lane, int line, u32 address, u32 size,
                                      AsyncAccess access, bool by_warpgroup = false) {
  Cta* c = w->cta;
  if (!c->words || !size) return;
  c->used_async = true;
  const u16 me = (u16)(w->index + 1), mark = by_warpgroup ? warpgroup_mark(me) : me;
  bool told = false;
  for (u32 index = address / 4; index <= (address + size - 1) / 4; ++index) {
    SharedWord& word = current_word(c, index);
    if (access == kAsyncLanded) {
      word.in_flight = word.generic_writer = 0;
      continue;
    }
    const bool written = word.writer && word.writer != me;
    const bool read = word.reader && word.reader != me && word.reader != warpgroup_mark(me);
    const char* error = nullptr;
    if (word.in_flight) {
      error = access == kAsyncWrite
                  ? "asynchronous write into shared memory where another asynchronous copy is in "
                    "flight"
                  : "asynchronous read of shared memory where an asynchronous copy is still in "
                    "flight (missing wait?)";
    } else if (access == kAsyncWrite) {
      if (written)
        error =
            "shared race: asynchronous write after write by another warp, no synchronisation "
            "between";
      else if (read || word.many_readers)
        error =
            "shared race: asynchronous write after read by another warp, no synchronisation "
            "between";
    } else if (written) {
      error =
          "shared race: asynchronous read after write by another warp, no synchronisation "
          "between";
    } else if (word.generic_writer &&
               c->warps[word.generic_writer - 1]->proxy_fence <= word.written_at &&
               w->proxy_fence <= word.written_at) {
      error = "asynchronous read of shared memory written without a fence.proxy.async since";
    }
    if (error && !told) {
      report(w, lane, line, error, index * 4, 4);
      told = true;
    }
    if (access == kAsyncWrite) {
      word.in_flight = 1;
      word.writer = me;
      word.generic_writer = 0;
    } else {
      if (word.reader && word.reader != mark && word.reader != me) word.many_readers = 1;
      word.reader = mark;
    }
  }
}

PTXRUN_INLINE void fence_async_proxy(Warp* w) { w->proxy_fence = ++w->cta->proxy_time; }

}  // namespace ptxrun
