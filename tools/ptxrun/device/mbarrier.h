// mbarrier objects. The shared word holds a mark of its own address; the state lies beside it.
#pragma once

#include "device/tensor_box.h"

namespace ptxrun {

constexpr u64 kMBarrierMagic = 0x4d42415252494552;

// Null, with a report, unless a live mbarrier is there.
PTXRUN_OUTLINE MBarrier* mbarrier_at(Warp* w, int lane, int line, u32 address) {
  if (bad_shared(w, lane, line, address, 8, 8)) return nullptr;
  auto& barriers = w->cta->async->barriers;
  const auto found = barriers.find(address);
  const bool known = found != barriers.end();
  if (known && load<u64>(w->cta->shared + address) == (kMBarrierMagic ^ address))
    return &found->second;
  report(w, lane, line,
         known ? "mbarrier object was overwritten" : "mbarrier used before mbarrier.init", address,
         8);
  return nullptr;
}

PTXRUN_OUTLINE void mbarrier_init(Warp* w, int lane, int line, u32 address, u32 count) {
  if (bad_shared(w, lane, line, address, 8, 8)) return;
  if (count < 1 || count > (1u << 20) - 1) {
    report(w, lane, line, "mbarrier.init count out of range", count, 8);
    return;
  }
  Cta* c = w->cta;
  const u64 mark = kMBarrierMagic ^ address;
  const auto found = c->async->barriers.find(address);
  if (found != c->async->barriers.end() && load<u64>(c->shared + address) == mark &&
      !found->second.loads.empty())
    report(w, lane, line, "mbarrier.init of an mbarrier with copies in flight", address, 8);
  c->async->barriers[address] = {count, count, 0, 0, {}};
  store(c->shared + address, mark);
  ++c->progress;
  if (c->words) note_shared_access(w, lane, line, address, 8, true);
}

PTXRUN_OUTLINE void mbarrier_invalidate(Warp* w, int lane, int line, u32 address) {
  MBarrier* barrier = mbarrier_at(w, lane, line, address);
  if (!barrier) return;
  if (!barrier->loads.empty())
    report(w, lane, line, "mbarrier.inval of an mbarrier with copies in flight", address, 8);
  w->cta->async->barriers.erase(address);
  memset(w->cta->shared + address, 0xff, 8);
  ++w->cta->progress;
}

// Ends the phase if nothing is missing. Counts as a synchronisation of the whole CTA.
PTXRUN_OUTLINE bool end_phase(Cta* c, MBarrier& barrier) {
  if (barrier.pending || barrier.transactions) return false;
  ++barrier.phase;
  barrier.pending = barrier.expected;
  ++c->epoch;
  ++c->progress;
  return true;
}

// expect_tx (bytes > 0) and complete_tx (bytes < 0).
PTXRUN_OUTLINE void mbarrier_transaction(Warp* w, int lane, int line, u32 address, s64 bytes) {
  MBarrier* barrier = mbarrier_at(w, lane, line, address);
  if (!barrier) return;
  barrier->transactions += bytes;
  if (std::abs(barrier->transactions) >= kMaxTransactions)
    report(w, lane, line, "mbarrier tx-count out of range", (u64)barrier->transactions, 8);
  ++w->cta->progress;
  if (bytes < 0) end_phase(w->cta, *barrier);
}

// Returns the state before the arrival.
PTXRUN_OUTLINE u64 mbarrier_arrive(Warp* w, int lane, int line, u32 address, u32 count,
                                   bool expects, u32 bytes, bool no_complete, bool drop) {
  MBarrier* barrier = mbarrier_at(w, lane, line, address);
  if (!barrier) return 0;
  const u64 state = barrier->phase << 20 | barrier->pending;
  if (expects) {
    barrier->transactions += bytes;
    if (barrier->transactions >= kMaxTransactions)
      report(w, lane, line, "mbarrier tx-count out of range", (u64)barrier->transactions, 8);
  }
  ++w->cta->progress;
  if (count < 1 || count > barrier->pending) {
    report(w, lane, line, "mbarrier arrive: more arrivals than the phase expects", address, 8);
    return state;
  }
  barrier->pending -= count;
  if (drop) barrier->expected -= count;
  if (end_phase(w->cta, *barrier) && no_complete)
    report(w, lane, line, "mbarrier.arrive.noComplete completed the phase", address, 8);
  return state;
}

PTXRUN_OUTLINE void land_loads(Cta* c, MBarrier& barrier) {
  const std::vector<BulkCopy> loads = std::move(barrier.loads);
  barrier.loads.clear();
  for (const auto& copy : loads) {
    perform(copy);
    barrier.transactions -= copy.size;
    note_async_access(copy.warp, copy.lane, copy.line, copy.shared, copy.size, kAsyncLanded);
  }
  ++c->progress;
  end_phase(c, barrier);
}

// Whether the phase, given by parity or by a state, is over. If not, the lane yields.
PTXRUN_OUTLINE bool mbarrier_test(Warp* w, int lane, int line, u32 address, bool by_parity,
                                  u64 value) {
  MBarrier* barrier = mbarrier_at(w, lane, line, address);
  if (!barrier) return true;
  auto over = [&] {
    return by_parity ? (barrier->phase & 1) != (value & 1) : barrier->phase > value >> 20;
  };
  if (!by_parity && value >> 20 != barrier->phase && (value >> 20) + 1 != barrier->phase)
    report(w, lane, line,
           "mbarrier wait on a state that is neither of the current nor of the preceding phase",
           address, 8);
  if (over()) return true;
  if (!barrier->pending && !barrier->loads.empty()) {
    land_loads(w->cta, *barrier);
    if (over()) return true;
  }
  w->yielded |= 1u << lane;
  w->wait_line = line;
  w->wait_address = address;
  return false;
}

}  // namespace ptxrun
