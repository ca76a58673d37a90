// Runs CTAs one after the other: warps in turn until all wait, then the barriers that are complete.
#pragma once

#include <random>
#include <string>

#include "device/interface.h"
#include "device/warp.h"

namespace ptxrun {

struct LaunchContext {
  const KernelInfo* kernel;
  LaunchOptions options;
  const char* parameters;
  u32 shared_bytes, thread_count, warp_count;
};

class CtaRunner {
 public:
  CtaRunner(const LaunchContext& launch, int thread)
      : launch_(launch),
        shared_(launch.shared_bytes + 2 * kSharedAlignment),
        random_(launch.options.order * 7919 + thread) {
    const LaunchOptions& o = launch.options;
    cta_ = {};
    cta_.ntid_x = o.block[0], cta_.ntid_y = o.block[1], cta_.ntid_z = o.block[2];
    cta_.nctaid_x = o.grid[0], cta_.nctaid_y = o.grid[1], cta_.nctaid_z = o.grid[2];
    cta_.shared = aligned(shared_.data(), kSharedAlignment);
    cta_.shared_bytes = launch.shared_bytes;
    cta_.params = launch.parameters;
    cta_.thread_count = launch.thread_count;
    cta_.warp_count = launch.warp_count;
    cta_.async = &async_;
    if (o.check >= 2) {
      words_.resize(launch.shared_bytes / 4 + 4);
      cta_.words = words_.data();
    }
    make_warps();
  }
  ~CtaRunner() {
    for (Warp* warp : warps_) {
      delete warp->async;
      launch_.kernel->free(warp);
    }
  }
  CtaRunner(const CtaRunner&) = delete;
  CtaRunner& operator=(const CtaRunner&) = delete;

  // False after a deadlock.
  bool run(u64 index) {
    reset(index);
    u32 ended = 0;
    u64 last_progress = ~0ull;
    for (u32 idle_rounds = 0; ended < launch_.warp_count;) {
      if (launch_.options.order >= 2) std::shuffle(order_.begin(), order_.end(), random_);
      bool ran = false;
      for (u32 i : order_) {
        if (ended_[i] || !can_run(*warps_[i])) continue;
        ran = true;
        if (launch_.kernel->run(warps_[i])) continue;
        ended_[i] = 1;
        ++ended;
        ++cta_.progress;
      }
      if (ended == launch_.warp_count) break;
      const bool released = release_barriers();
      if (cta_.progress != last_progress) {
        last_progress = cta_.progress;
        idle_rounds = 0;
      } else if (++idle_rounds > kIdleRounds) {
        report_futile_waits();
        return deadlock("deadlock");
      }
      if (!released && !ran) return deadlock("deadlock: barrier never completed");
    }
    cta_exit(&cta_);
    return true;
  }

 private:
  static constexpr size_t kSharedAlignment = 1024;  // the widest swizzle's pattern
  static constexpr u32 kIdleRounds = 20000;

  static char* aligned(char* p, size_t alignment) {
    return (char*)(((u64)p + alignment - 1) & ~(u64)(alignment - 1));
  }

  void make_warps() {
    const KernelInfo& kernel = *launch_.kernel;
    for (u32 i = 0; i < launch_.warp_count; ++i) {
      Warp* w = kernel.make();
      w->async = new WarpAsync{};
      w->cta = &cta_;
      w->index = i;
      w->local_bytes = kernel.local_bytes;
      local_.emplace_back(kernel.local_bytes * 32 + 64);
      w->local = aligned(local_.back().data(), 16);
      for (u32 l = 0; l < 32; ++l) {
        const u32 thread = i * 32 + l;
        w->tid_x[l] = thread % cta_.ntid_x;
        w->tid_y[l] = thread / cta_.ntid_x % cta_.ntid_y;
        w->tid_z[l] = thread / cta_.ntid_x / cta_.ntid_y;
      }
      warps_.push_back(w);
      order_.push_back(launch_.options.order == 1 ? launch_.warp_count - 1 - i : i);
    }
    cta_.warps = warps_.data();
  }

  void reset(u64 index) {
    cta_.ctaid_x = index % cta_.nctaid_x;
    cta_.ctaid_y = index / cta_.nctaid_x % cta_.nctaid_y;
    cta_.ctaid_z = index / cta_.nctaid_x / cta_.nctaid_y;
    memset(cta_.shared, 0xff, cta_.shared_bytes);
    for (Barrier& barrier : cta_.barriers) barrier = {0, 0, 0, 1};
    ++cta_.epoch;
    cta_.cluster_arrived = cta_.cluster_phase = 0;
    if (cta_.used_async) std::fill(words_.begin(), words_.end(), SharedWord{});
    cta_.used_async = false;
    async_.barriers.clear();
    ended_.assign(launch_.warp_count, 0);
    for (Warp* warp : warps_) reset(*warp);
  }

  void reset(Warp& w) {
    const u32 lanes = std::min<u32>(32, launch_.thread_count - w.index * 32);
    w.live = lanes == 32 ? ~0u : (1u << lanes) - 1;
    w.group_count = 0;
    push_group(&w, 0, w.live, kRunnable);
    memset(w.copy_group, 0, sizeof w.copy_group);
    memset(w.cluster_phase, 0, sizeof w.cluster_phase);
    for (auto& copies : w.copies) copies.clear();
    w.forced = 0;
    w.late_yields = w.yielded = w.wait_line = w.wait_address = w.proxy_fence = 0;
    *w.async = {};
    if (!launch_.options.check) return;
    launch_.kernel->poison(&w);
    memset(w.local, 0xff, w.local_bytes * 32);
  }

  static bool can_run(const Warp& w) {
    for (int g = 0; g < w.group_count; ++g)
      if (w.groups[g].state <= kRunnable) return true;
    return false;
  }

  template <class F>
  void for_each_group_at(int barrier, F f) {
    for (Warp* w : warps_)
      for (int g = 0; g < w->group_count; ++g)
        if (w->groups[g].state > 0 && barrier_of(w->groups[g].state) == barrier)
          f(*w, w->groups[g]);
  }

  bool release_barriers() {
    u32 live = 0;
    for (const Warp* w : warps_) live += __builtin_popcount(w->live);
    bool released = false;
    for (int id = 0; id < 16; ++id) released |= release_barrier(id, live);
    return released;
  }

  bool release_barrier(int id, u32 live) {
    u32 waiting = 0;
    int count = 0;
    std::vector<int> places;
    for_each_group_at(id, [&](Warp&, Group& group) {
      waiting += __builtin_popcount(group.lanes);
      count = barrier_count(group.state);
      places.push_back(group.pc);
    });
    Barrier& barrier = cta_.barriers[id];
    if (!waiting || barrier.arrived < (count ? (u32)count : live)) return false;
    const auto [low, high] = std::minmax_element(places.begin(), places.end());
    if (!count && *low != *high)
      report(warps_[0], 0, 0, "threads of one CTA wait at different bar.sync instructions", 0, 0);
    const u32 result = (barrier.count & 0xffff) | barrier.any << 16 | barrier.all << 17;
    barrier = {count ? barrier.arrived - count : 0, 0, 0, 1};
    ++cta_.epoch;
    ++cta_.progress;
    for (Warp* w : warps_) w->reduction[id] = result;
    for_each_group_at(id, [](Warp&, Group& group) { group.state = kRunnable; });
    return true;
  }

  bool deadlock(const char* what) {
    report(warps_[0], 0, 0, what, 0, 0);
    return false;
  }

  void report_futile_waits() {
    for (Warp* w : warps_) {
      bool yielded = false;
      for (int g = 0; g < w->group_count; ++g) yielded |= w->groups[g].state == kYielded;
      if (!w->live || !yielded) continue;
      std::string what =
          "deadlock: waits on an mbarrier or cluster barrier whose phase never completes";
      const auto barrier = async_.barriers.find(w->wait_address);
      if (w->wait_line && barrier != async_.barriers.end())
        what += " (arrivals missing " + std::to_string(barrier->second.pending) + ", tx-count " +
                std::to_string(barrier->second.transactions) + ")";
      report(w, __builtin_ctz(w->live), w->wait_line, what.c_str(), w->wait_address, 8);
    }
  }

  const LaunchContext& launch_;
  std::vector<char> shared_;
  std::vector<std::vector<char>> local_;
  std::vector<SharedWord> words_;
  std::vector<Warp*> warps_;
  std::vector<u32> order_;
  std::vector<char> ended_;
  CtaAsync async_;
  Cta cta_;
  std::mt19937 random_;
};

}  // namespace ptxrun
