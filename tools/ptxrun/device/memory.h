// Addresses made host pointers, with checks: bounds, alignment, races on shared memory.
#pragma once

#include <algorithm>

#include "device/state.h"

namespace ptxrun {

// A buffer that kernels may touch.
struct Range {
  u64 begin, end;
  bool read_only;
};
static std::vector<Range> g_ranges;  // sorted while a kernel runs
static thread_local Range t_last_range{1, 0, false};

// Where refused accesses go. Holds NaN for those that load.
static char g_sink[256];
PTXRUN_OUTLINE char* poisoned_sink() {
  memset(g_sink, 0xff, sizeof g_sink);
  return g_sink;
}

PTXRUN_OUTLINE bool in_some_range(u64 address, u32 size, bool is_store) {
  auto after = std::upper_bound(g_ranges.begin(), g_ranges.end(), address,
                                [](u64 a, const Range& r) { return a < r.begin; });
  if (after == g_ranges.begin()) return false;
  const Range& range = *--after;
  if (address + size > range.end) return false;
  t_last_range = range;
  return !(is_store && range.read_only);
}
PTXRUN_INLINE bool in_range(u64 address, u32 size, bool is_store) {
  const Range& last = t_last_range;
  if (address >= last.begin && address + size <= last.end && !(is_store && last.read_only))
    return true;
  return in_some_range(address, size, is_store);
}

// A global or generic address.
PTXRUN_INLINE char* global_at(Warp* w, int lane, int line, u64 address, u32 size, bool is_store) {
  if (!__builtin_expect(g_check, 1)) return (char*)address;
  if (address & (size - 1)) {
    report(w, lane, line, "misaligned generic or global access", address, size);
    return g_sink;
  }
  if (in_range(address, size, is_store)) return (char*)address;
  const u64 shared = (u64)w->cta->shared, local = (u64)w->local;
  if (address >= shared && address + size <= shared + w->cta->shared_bytes) return (char*)address;
  if (address >= local && address + size <= local + w->local_bytes * 32) return (char*)address;
  report(w, lane, line, is_store ? "out-of-bounds global store" : "out-of-bounds global load",
         address, size);
  return poisoned_sink();
}

// The reader's mark of a warpgroup's wgmma, for the warp number `warp` from 1.
PTXRUN_INLINE u16 warpgroup_mark(u16 warp) { return (u16)(0x4000 + (warp - 1) / 4); }

PTXRUN_INLINE SharedWord& current_word(Cta* c, u32 index) {
  SharedWord& word = c->words[index];
  if (word.epoch != c->epoch) {
    word.epoch = c->epoch;
    word.writer = word.reader = word.many_readers = 0;
  }
  return word;
}

// Notes an access and reports one that another warp's of this epoch conflicts with.
PTXRUN_OUTLINE void note_shared_access(Warp* w, int lane, int line, u32 address, u32 size,
                                       bool is_store) {
  Cta* c = w->cta;
  const u16 me = (u16)(w->index + 1);
  auto conflict = [&](const char* what) { report(w, lane, line, what, address, size); };
  for (u32 index = address / 4; index <= (address + size - 1) / 4; ++index) {
    SharedWord& word = current_word(c, index);
    if (word.in_flight) {
      conflict(
          "shared memory accessed while an asynchronous copy into it is in flight "
          "(missing wait?)");
      return;
    }
    const bool written = word.writer && word.writer != me;
    if (!is_store) {
      if (written) conflict("shared race: read after write by another warp, no barrier between");
      if (word.reader && word.reader != me) word.many_readers = 1;
      word.reader = me;
      continue;
    }
    const bool read = word.reader && word.reader != me && word.reader != warpgroup_mark(me);
    if (written) conflict("shared race: write after write by another warp, no barrier between");
    if (read || word.many_readers)
      conflict("shared race: write after read by another warp, no barrier between");
    word.generic_writer = (u8)me;
    word.written_at = c->proxy_time;
    word.writer = me;
  }
}

PTXRUN_INLINE char* shared_at(Warp* w, int lane, int line, u32 address, u32 size, bool is_store,
                              bool is_atomic = false) {
  Cta* c = w->cta;
  if (__builtin_expect(g_check, 1)) {
    if (address & (size - 1)) {
      report(w, lane, line, "misaligned shared access", address, size);
      return g_sink;
    }
    if ((u64)address + size > c->shared_bytes) {
      report(w, lane, line, "out-of-bounds shared access", address, size);
      return poisoned_sink();
    }
    if (c->words && !is_atomic) note_shared_access(w, lane, line, address, size, is_store);
  }
  return c->shared + address;
}

PTXRUN_INLINE char* local_at(Warp* w, int lane, int line, u32 address, u32 size, bool) {
  if ((u64)address + size > w->local_bytes) {
    report(w, lane, line, "out-of-bounds local access", address, size);
    return g_sink;
  }
  return w->local + w->local_bytes * lane + address;
}

// Replaces the value by update(value) and returns the old one.
template <class T, class Update>
PTXRUN_INLINE T atomic_update(char* p, Update update) {
  T old, next;
  if (!g_multithreaded) {
    memcpy(&old, p, sizeof(T));
    next = update(old);
    memcpy(p, &next, sizeof(T));
    return old;
  }
  T* q = (T*)p;
  __atomic_load(q, &old, __ATOMIC_RELAXED);
  do {
    next = update(old);
  } while (!__atomic_compare_exchange(q, &old, &next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return old;
}

}  // namespace ptxrun
