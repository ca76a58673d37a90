// Lanes that part and meet, barriers, shuffles.
#pragma once

#include "device/async_copy.h"
#include "device/wgmma.h"

namespace ptxrun {

// A warp that runs this many blocks without waiting lets the others run: it may spin on memory.
constexpr u32 kStepsBeforeYield = 400000;

PTXRUN_INLINE void push_group(Warp* w, int pc, u32 lanes, s32 state) {
  w->groups[w->group_count++] = {pc, lanes, state};
}

PTXRUN_OUTLINE void push_groups_by_index(Warp* w, u32 lanes, const u32* index, const int* targets,
                                         u32 count) {
  while (lanes) {
    const u32 first = index[__builtin_ctz(lanes)];
    u32 same = 0;
    for (int k = 0; k < 32; ++k)
      if ((lanes >> k & 1) && index[k] == first) same |= 1u << k;
    lanes &= ~same;
    push_group(w, targets[first < count ? first : 0], same, kRunnable);
  }
}

PTXRUN_OUTLINE void wake_yielded(Warp* w) {
  for (int i = 0; i < w->group_count; ++i)
    if (w->groups[i].state == kYielded) w->groups[i].state = kRunnable;
}

// Takes the group with the lowest pc out, with all that stand there; false if none can run. Lowest
// first lets lanes that parted meet again at the end of the branch.
PTXRUN_OUTLINE bool pick_group(Warp* w, int* pc, u32* lanes) {
  int best = -1;
  bool yielded = false;
  auto consider = [&](s32 state) {
    for (int i = 0; i < w->group_count; ++i)
      if (w->groups[i].state == state && (best < 0 || w->groups[i].pc < w->groups[best].pc))
        best = i;
  };
  consider(kRunnable);
  if (best < 0) {
    for (int i = 0; i < w->group_count; ++i) yielded |= w->groups[i].state == kYielded;
    if (yielded) return false;
    consider(kWaitingForLanes);  // the lanes they wait for will not come
    if (best < 0) return false;
    w->forced = 1;
  }
  *pc = w->groups[best].pc;
  *lanes = 0;
  int kept = 0;
  for (int i = 0; i < w->group_count; ++i) {
    if (w->groups[i].pc == *pc && w->groups[i].state <= kRunnable)
      *lanes |= w->groups[i].lanes;
    else
      w->groups[kept++] = w->groups[i];
  }
  w->group_count = kept;
  return true;
}

// Whether a warp should let the others run before it goes on; twice for each wait.
PTXRUN_INLINE bool late_yield(Warp* w) {
  if (w->late_yields >= 2) return false;
  ++w->late_yields;
  ++w->cta->progress;
  return true;
}

PTXRUN_OUTLINE void exit_lanes(Warp* w, u32 lanes) {
  if (!lanes) return;
  const u32 m = lanes;
  FOR_ACTIVE copies_land(w, l);
  async_exit(w, lanes);
  w->live &= ~lanes;
}

PTXRUN_OUTLINE void barrier_arrive(Warp* w, int id, u32 m, u32 predicate) {
  Barrier& barrier = w->cta->barriers[id];
  const u32 set = __builtin_popcount(m & predicate);
  barrier.arrived += __builtin_popcount(m);
  barrier.count += set;
  barrier.any |= set != 0;
  barrier.all &= (m & ~predicate) == 0;
}

// barrier.cluster for clusters of one CTA.
PTXRUN_OUTLINE void cluster_arrive(Warp* w, u32 m) {
  Cta* c = w->cta;
  FOR_ACTIVE w->cluster_phase[l] = c->cluster_phase;
  c->cluster_arrived += __builtin_popcount(m);
  ++c->progress;
}
// The lanes of m that may go on.
PTXRUN_OUTLINE u32 cluster_wait(Warp* w, u32 m) {
  Cta* c = w->cta;
  u32 live = 0;
  for (u32 i = 0; i < c->warp_count; ++i) live += __builtin_popcount(c->warps[i]->live);
  if (c->cluster_arrived && c->cluster_arrived >= live) {
    ++c->cluster_phase;
    c->cluster_arrived = 0;
    ++c->epoch;
    ++c->progress;
  }
  u32 passed = 0;
  FOR_ACTIVE if (w->cluster_phase[l] != c->cluster_phase) passed |= 1u << l;
  return passed;
}

// shfl.sync up (0), down (1), bfly (2), idx (3). Returns the predicate.
PTXRUN_OUTLINE u32 shuffle(Warp* w, u32 m, int how, const u32* value, const u32* b, const u32* c,
                           u32* result, int line) {
  u32 values[32], offsets[32], clamps[32], valid = 0;  // result may be any of the inputs
  memcpy(values, value, sizeof values);
  memcpy(offsets, b, sizeof offsets);
  memcpy(clamps, c, sizeof clamps);
  FOR_ACTIVE {
    const u32 clamp = clamps[l] & 31, segment = clamps[l] >> 8 & 31;
    const int offset = offsets[l] & 31;
    const int last = (l & segment) | (clamp & ~segment), first = l & segment;
    int from;
    bool inside;
    switch (how) {
      case 0:
        from = l - offset;
        inside = from >= last;
        break;
      case 1:
        from = l + offset;
        inside = from <= last;
        break;
      case 2:
        from = l ^ offset;
        inside = from <= last;
        break;
      default: from = first | (offset & ~segment); inside = from <= last;
    }
    if (inside)
      valid |= 1u << l;
    else
      from = l;
    if (g_check && !(m >> from & 1))
      report(w, l, line, "shfl.sync reads a lane that is not in the executing mask", from, 4);
    result[l] = values[from];
  }
  return valid;
}

// The lanes of m whose value equals lane l's.
template <class T>
PTXRUN_INLINE u32 equal_lanes(const T* value, u32 m, int l) {
  u32 equal = 0;
  for (int k = 0; k < 32; ++k)
    if ((m >> k & 1) && value[k] == value[l]) equal |= 1u << k;
  return equal;
}

}  // namespace ptxrun
