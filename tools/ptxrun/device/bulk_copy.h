// cp.async.bulk and cp.async.bulk.tensor, and their bulk groups.
#pragma once

#include "device/mbarrier.h"

namespace ptxrun {

// Commits and waits of the bulk stores of a lane.
PTXRUN_OUTLINE void bulk_commit(Warp* w, int lane) {
  auto& groups = w->async->groups[lane];
  groups.push_back({std::move(w->async->open[lane]), false});
  w->async->open[lane].clear();
  if (groups.size() > 64 && groups[0].has_read) {  // wait_group.read alone never drops them
    for (auto& copy : groups[0].copies) perform(copy);
    groups.erase(groups.begin());
  }
}

PTXRUN_OUTLINE void read_source(Warp* w, BulkGroup& group) {
  if (group.has_read) return;
  group.has_read = true;
  for (auto& copy : group.copies) {
    const u8* source = (const u8*)w->cta->shared + copy.shared;
    copy.read.assign(source, source + copy.size);
  }
}

// All but the last `pending` groups: read their sources and, unless reads_only, write.
PTXRUN_OUTLINE void bulk_wait(Warp* w, int lane, u32 pending, bool reads_only) {
  auto& groups = w->async->groups[lane];
  const size_t waited = groups.size() > pending ? groups.size() - pending : 0;
  for (size_t i = 0; i < waited; ++i) {
    read_source(w, groups[i]);
    if (!reads_only)
      for (auto& copy : groups[i].copies) perform(copy);
  }
  if (!reads_only) groups.erase(groups.begin(), groups.begin() + waited);
  ++w->cta->progress;
}

PTXRUN_OUTLINE void issue(BulkCopy&& copy, u32 barrier_address) {
  Warp* w = copy.warp;
  Cta* c = w->cta;
  const int lane = copy.lane, line = copy.line;
  c->used_async = true;
  ++c->progress;
  if (bad_shared(w, lane, line, copy.shared, copy.size, copy.is_tensor ? 128 : 16)) return;
  const bool within_shared = copy.kind == kSharedToShared;
  if (!copy.is_tensor && !within_shared && (copy.size % 16 || !copy.size || copy.other % 16)) {
    report(w, lane, line, "bulk copy: size or global address not a multiple of 16", copy.other,
           copy.size);
    return;
  }
  if (copy.kind == kSharedToGlobal) {
    note_async_access(w, lane, line, copy.shared, copy.size, kAsyncRead);
    w->async->open[lane].push_back(std::move(copy));
    return;
  }
  MBarrier* barrier = mbarrier_at(w, lane, line, barrier_address);
  if (!barrier) return;
  if (within_shared) note_async_access(w, lane, line, (u32)copy.other, copy.size, kAsyncRead);
  note_async_access(w, lane, line, copy.shared, copy.size, kAsyncWrite);
  memset(c->shared + copy.shared, 0xff, copy.size);
  if (copy.size >= kMaxTransactions) report(w, lane, line, "tx-count out of range", copy.size, 0);
  barrier->loads.push_back(std::move(copy));
}

PTXRUN_OUTLINE void bulk_copy(Warp* w, int lane, int line, BulkKind kind, Reduction reduction,
                              u32 shared, u64 other, u32 size, u32 barrier) {
  BulkCopy copy{};
  copy.warp = w;
  copy.lane = lane;
  copy.line = line;
  copy.kind = kind;
  copy.reduction = reduction;
  copy.shared = shared;
  copy.other = other;
  copy.size = size;
  issue(std::move(copy), barrier);
}

PTXRUN_OUTLINE bool read_tensor_map(Warp* w, int lane, int line, u64 address, TensorMap& map) {
  if (address & 63) {
    report(w, lane, line, "tensor map not aligned to 64 bytes", address, 128);
    return false;
  }
  for (int i = 0; i < 128; i += 16)
    if (global_at(w, lane, line, address + i, 16, false) == g_sink) return false;
  memcpy(&map, (const void*)address, sizeof map);
  if (map.magic == kTensorMapMagic) return true;
  report(w, lane, line, "not a tensor map made by cuTensorMapEncode*", address, 128);
  return false;
}

// The reduction that CUtensorMapDataType `type` asks for, or kCopy if there is none.
PTXRUN_INLINE Reduction reduction_of(u8 type) {
  switch (type) {
    case 2:
    case 3: return kAddU32;
    case 4:
    case 5: return kAddU64;
    case 6: return kAddF16;
    case 7:
    case 10: return kAddF32;
    case 9: return kAddBF16;
    default: return kCopy;
  }
}

enum TensorMode { kTiled, kIm2col, kIm2colNoOffsets };

PTXRUN_OUTLINE void tensor_copy(Warp* w, int lane, int line, int rank, TensorMode mode,
                                bool is_load, Reduction reduction, u32 shared, u32 barrier, u64 map,
                                const s32* coordinate, const u32* tap, u32 cta_mask) {
  BulkCopy copy{};
  if (!read_tensor_map(w, lane, line, map, copy.map)) return;
  if (copy.map.rank != rank || copy.map.is_im2col != (mode != kTiled)) {
    report(w, lane, line, "the tensor map's rank or mode differs from the instruction's",
           copy.map.rank, 0);
    return;
  }
  if (cta_mask != 1) {
    report(w, lane, line, "multicast mask names a CTA outside this one-CTA cluster", cta_mask, 0);
    return;
  }
  copy.warp = w;
  copy.lane = lane;
  copy.line = line;
  copy.is_tensor = true;
  copy.kind = is_load ? kGlobalToShared : kSharedToGlobal;
  copy.shared = shared;
  copy.size = tensor_box_bytes(copy.map);
  for (int i = 0; i < rank; ++i) copy.coordinate[i] = coordinate[i];
  const int spatial = mode == kIm2col ? rank - 2 : 0;
  for (int i = 0; i < spatial; ++i) {
    copy.tap[i] = tap[i];
    if (tap[i] >= (1u << (16 / spatial)))
      report(w, lane, line, "im2col offset out of range", tap[i], 2);
  }
  copy.reduction = reduction == kAddByMap ? reduction_of(copy.map.type) : reduction;
  if (reduction == kAddByMap && copy.reduction == kCopy) {
    report(w, lane, line, "reduction of this element type is not supported", copy.map.type, 0);
    return;
  }
  issue(std::move(copy), barrier);
}

}  // namespace ptxrun
