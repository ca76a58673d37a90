// cp.async: data land as late as the program allows, at the wait; until then the bytes are NaN.
#pragma once

#include "device/memory.h"

namespace ptxrun {

PTXRUN_OUTLINE void land(Warp* w, int lane, const PendingCopy& copy) {
  if (w->cta->words)
    note_shared_access(w, lane, copy.line, (u32)(copy.to - w->cta->shared), copy.size, true);
  if (copy.source_size)
    memcpy(copy.to, global_at(w, lane, copy.line, copy.from, copy.source_size, false),
           copy.source_size);
  memset(copy.to + copy.source_size, 0, copy.size - copy.source_size);
}

PTXRUN_OUTLINE void copy_async(Warp* w, int lane, int line, u32 to, u64 from, u32 size,
                               u32 source_size) {
  source_size = std::min(source_size, size);
  char* at = shared_at(w, lane, line, to, size, true);
  if (at == g_sink) return;
  if (from & (size - 1)) {
    report(w, lane, line, "misaligned cp.async source", from, size);
    return;
  }
  if (source_size && g_check) global_at(w, lane, line, from, 1, false);
  memset(at, 0xff, size);
  w->copies[lane].push_back({at, from, (u8)size, (u8)source_size, line, w->copy_group[lane]});
}

PTXRUN_OUTLINE void copies_land(Warp* w, int lane) {
  for (const auto& copy : w->copies[lane]) land(w, lane, copy);
  w->copies[lane].clear();
}

// Lands all but the last `pending` groups of the lanes m.
PTXRUN_OUTLINE void copy_wait(Warp* w, u32 m, u32 pending) {
  FOR_ACTIVE {
    auto& copies = w->copies[l];
    const u32 open = w->copy_group[l];
    size_t landed = 0;
    while (landed < copies.size() && open > pending && copies[landed].group < open - pending)
      land(w, l, copies[landed++]);
    copies.erase(copies.begin(), copies.begin() + landed);
  }
}

}  // namespace ptxrun
