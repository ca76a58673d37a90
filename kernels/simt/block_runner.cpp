#include "kernels/simt/block_runner.h"

#include <bit>
#include <utility>

#include "kernels/base/error.h"
#include "kernels/simt/place.h"

namespace sf::simt {
namespace {

// Thrown in fibers that wait, to unwind them when their block has failed.
struct Unwind {};

constexpr uint32_t bit(int i) { return uint32_t{1} << i; }

}  // namespace

constinit thread_local Thread* this_thread = nullptr;
constinit thread_local Block* this_block = nullptr;

Worker::Worker(BlockRunner& runner)
    : runner_(runner), fiber_(stack_, [this]() -> Fiber& { return main(); }) {}

Worker::~Worker() {
  quit_ = true;
  runner_.root_.switch_to(fiber_);
}

Fiber& Worker::main() {
  while (!quit_) {
    runner_.run_thread(*thread);
    Thread* next = runner_.failure_ ? nullptr : runner_.next();
    if (next && !next->worker) {
      thread = next;
      next->worker = this;
      continue;
    }
    runner_.idle_.push_back(this);
    fiber_.switch_to(runner_.fiber_of(next));
  }
  return runner_.root_;
}

constinit thread_local BlockRunner* BlockRunner::mine_ = nullptr;

BlockRunner& BlockRunner::make_mine() {
  static thread_local BlockRunner runner;
  mine_ = &runner;
  return runner;
}

void BlockRunner::run(const Launch& launch, const Body& body, dim3 index, unsigned seed,
                      Counts* counts) {
  launch_ = &launch;
  body_ = &body;
  seed_ = seed;
  random_.seed(seed + index.x + 7919 * index.y + 104729 * index.z);
  counting_ = counts != nullptr;
  recorder_.counts = {};
  begin(index);
  root_.switch_to(fiber_of(next()));
  this_thread = nullptr;
  finish();
  this_block = nullptr;
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (counts) *counts = recorder_.counts;
}

// Every fiber ends its thread: those that still wait, by an exception.
void BlockRunner::finish() {
  try {
    if (!failure_ && unfinished_ > 0)
      report(cat(unfinished_, " threads wait for one another"), barrier_);
    if (!failure_ && !shared_.margins_intact())
      report(cat("wrote beside the block's ", launch_->shared_bytes, " bytes of shared memory"),
             launch_->where);
  } catch (const Error&) { failure_ = std::current_exception(); }
  if (failure_) {
    unwinding_ = true;
    for (Thread& thread : threads_)
      if (thread.worker) root_.switch_to(thread.worker->fiber());
  }
  recorder_.end_block();
}

void BlockRunner::begin(dim3 index) {
  const dim3 dim = launch_->block;
  const size_t n = dim.count();
  const auto span = shared_.span();
  block_ = {.index = index,
            .dim = dim,
            .grid = launch_->grid,
            .shared = shared_.renew(launch_->shared_bytes),
            .shared_bytes = launch_->shared_bytes,
            .span_begin = reinterpret_cast<uintptr_t>(span.data()),
            .span_end = reinterpret_cast<uintptr_t>(span.data() + span.size()),
            .watched = counting_ || kAddressSanitizer};
  this_block = &block_;
  warps_.assign((n + kWarpSize - 1) / kWarpSize, Warp{});
  threads_.resize(n);
  dim3 at(0, 0, 0);
  for (size_t i = 0; i < n; ++i) {
    Thread& t = threads_[i];
    t.index = at;
    t.lane = int(i % kWarpSize);
    t.warp = &warps_[i / kWarpSize];
    t.warp->lanes |= bit(t.lane);
    t.worker = nullptr;
    t.group = 0;
    t.copies.clear();
    if (++at.x == dim.x) at = at.y + 1 == dim.y ? dim3(0, 0, at.z + 1) : dim3(0, at.y + 1, at.z);
  }
  for (Warp& warp : warps_) warp.runnable = warp.lanes;
  runnable_warps_ = uint32_t((uint64_t{1} << warps_.size()) - 1);
  lanes_ = 0;
  unfinished_ = n;
  at_barrier_ = exited_ = 0;
  unwinding_ = false;
}

// Where the thread goes on or begins; with none, that the block is done or stuck.
Fiber& BlockRunner::fiber_of(Thread* thread) {
  if (!thread) return root_;
  if (!thread->worker) {
    if (idle_.empty()) {
      workers_.push_back(std::make_unique<Worker>(*this));
      idle_.push_back(workers_.back().get());
    }
    thread->worker = idle_.back();
    thread->worker->thread = thread;
    idle_.pop_back();
  }
  return thread->worker->fiber();
}

void BlockRunner::run_thread(Thread& thread) {
  this_thread = &thread;
  try {
    (*body_)();
    leave(thread);
  } catch (const Unwind&) {
  } catch (...) { failure_ = std::current_exception(); }
  thread.worker = nullptr;
}

void BlockRunner::leave(Thread& thread) {
  if (at_barrier_ > 0)
    report(cat("left the kernel while ", at_barrier_, " threads wait at the barrier"), barrier_);
  if (thread.warp->arrived)
    report(cat("left the kernel while other lanes wait in ", thread.warp->collective),
           thread.warp->site);
  thread.warp->exited |= bit(thread.lane);
  ++exited_;
  --unfinished_;
}

uint32_t BlockRunner::choose(uint32_t set) {
  if (seed_ == 0) return uint32_t(std::countr_zero(set));
  if (seed_ == 1) return uint32_t(31 - std::countl_zero(set));
  const int turn = int(random_() % 32);
  return uint32_t(std::countr_zero(std::rotr(set, turn)) + turn) % 32;
}

Thread* BlockRunner::next() {
  if (lanes_ == 0) {
    if (runnable_warps_ == 0) return nullptr;
    warp_ = int(choose(runnable_warps_));
    runnable_warps_ &= ~bit(warp_);
    lanes_ = std::exchange(warps_[size_t(warp_)].runnable, 0);
  }
  const int lane = int(choose(lanes_));
  lanes_ &= ~bit(lane);
  return &threads_[size_t(warp_) * kWarpSize + size_t(lane)];
}

void BlockRunner::wait() {
  Thread& me = *this_thread;
  if (Thread* next = this->next(); next != &me) me.worker->fiber().switch_to(fiber_of(next));
  if (unwinding_) throw Unwind{};
  this_thread = &me;
}

void BlockRunner::syncthreads(const Site& where) {
  Thread& me = *this_thread;
  if (exited_ > 0) report(cat("is at a barrier that ", exited_, " threads will not reach"), where);
  if (me.warp->arrived)
    report(cat("is at a barrier while other lanes wait in ", me.warp->collective, " at ",
               place(me.warp->site)),
           where);
  if (at_barrier_ == 0)
    barrier_ = where;
  else if (!same(barrier_, where))
    report(cat("is at another barrier than ", at_barrier_, " threads, which wait at ",
               place(barrier_)),
           where);
  me.warp->at_barrier |= bit(me.lane);
  if (++at_barrier_ == threads_.size()) {
    at_barrier_ = 0;
    ++recorder_.counts.barriers;
    for (Warp& warp : warps_) warp.runnable = std::exchange(warp.at_barrier, 0);
    runnable_warps_ = uint32_t((uint64_t{1} << warps_.size()) - 1);
  }
  wait();
}

bool BlockRunner::arrive(const char* collective, void* brought, const Site& where) {
  Thread& me = *this_thread;
  Warp& warp = *me.warp;
  if (warp.lanes != ~0U)
    report(cat(collective, " wants 32 lanes, this warp has ", std::popcount(warp.lanes)), where);
  if (warp.exited)
    report(
        cat(collective, " wants 32 lanes, ", std::popcount(warp.exited), " have left the kernel"),
        where);
  if (warp.at_barrier)
    report(cat(collective, " wants 32 lanes, ", std::popcount(warp.at_barrier),
               " wait at the barrier ", place(barrier_)),
           where);
  if (!warp.arrived) {
    warp.collective = collective;
    warp.site = where;
  } else if (warp.collective != collective || !same(warp.site, where)) {
    report(cat("is in ", collective, " while other lanes wait in ", warp.collective, " at ",
               place(warp.site)),
           where);
  }
  warp.brought[me.lane] = brought;
  warp.arrived |= bit(me.lane);
  if (warp.arrived == ~0U) return true;
  wait();
  return false;
}

void BlockRunner::complete() {
  Warp& warp = *this_thread->warp;
  warp.runnable = std::exchange(warp.arrived, 0);
  runnable_warps_ |= bit(warp_);
  wait();
}

}  // namespace sf::simt
