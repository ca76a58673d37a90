// The one CPU thread pool: OpenMP. Its size is OMP_NUM_THREADS or set_threads().
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace sf {

inline int max_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

// [0, n) in chunks of `grain`, of which each worker has a share of neighbours. Who has done its own
// takes what is left of the others': other work on the machine may slow one of them down.
class SharedWork {
 public:
  SharedWork(int64_t n, int64_t grain, int workers)
      : n_(n),
        grain_(grain),
        chunks_((n + grain - 1) / grain),
        count_(int(std::clamp<int64_t>(std::min<int64_t>(chunks_, workers), 1, kMost))) {
    for (int i = 0; i < count_; ++i) next_of(i).store(first(i), kRelaxed);
  }

  // Calls f(i) for all i whose chunk nobody has taken.
  template <class F>
  void take(int worker, const F& f) {
    for (int turn = 0; turn < count_; ++turn) {
      const int share = (worker + turn) % count_;
      const int64_t end = first(share + 1);
      while (next_of(share).load(kRelaxed) < end) {
        const int64_t chunk = next_of(share).fetch_add(1, kRelaxed);
        if (chunk >= end) break;
        const int64_t last = std::min((chunk + 1) * grain_, n_);
        for (int64_t i = chunk * grain_; i < last; ++i) f(i);
      }
    }
  }

 private:
  static constexpr int kMost = 64;  // shares; further workers help
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  struct alignas(64) Share {
    std::atomic<int64_t> next;
  };

  int64_t first(int share) const { return chunks_ * share / count_; }
  std::atomic<int64_t>& next_of(int share) { return shares_[size_t(share)].next; }

  int64_t n_, grain_, chunks_;
  int count_;
  std::array<Share, kMost> shares_;
};

// Calls f(i) for i in [0, n), in any order, on all threads, `grain` neighbours at a time. Each
// thread begins with a share of its own, the same one in every call of that size, so that what one
// step of a network leaves in a thread's caches the next one finds there. f must not throw.
template <class F>
void parallel_for(int64_t n, int64_t grain, const F& f) {
#ifdef _OPENMP
  if (n > grain) {
    SharedWork work(n, grain, max_threads());
#pragma omp parallel
    work.take(omp_get_thread_num(), f);
    return;
  }
#endif
  (void)grain;
  for (int64_t i = 0; i < n; ++i) f(i);
}

// n things in parts of about equal size, of `most` at most, as many as are whole rounds of the
// slots: the last round leaves no thread without work.
struct EvenParts {
  int64_t n = 0, count = 0;

  EvenParts(int64_t n_, int64_t most, int slots) : n(n_) {
    const int64_t rounds = (n + most * slots - 1) / (most * slots);
    count = rounds * slots < n ? rounds * slots : n;
    if (count < 1) count = 1;
  }
  int64_t first(int64_t part) const { return n * part / count; }
  int64_t size(int64_t part) const { return first(part + 1) - first(part); }
  int64_t largest() const { return (n + count - 1) / count; }
};

// Calls f(slot, i) for i in [0, n), in any order, on all threads, each slot with its share first.
// Calls of the same slot, of `slots`, follow each other, so that a slot can have memory of its own.
// f must not throw.
template <class F>
void parallel_for_slots(int64_t n, int slots, const F& f) {
  SharedWork work(n, 1, slots);
  parallel_for(slots, 1,
               [&](int64_t slot) { work.take(int(slot), [&](int64_t i) { f(slot, i); }); });
}

// The workspace of a kernel whose slots have memory of their own, `values` each. Unless they are
// few it lies at the same places in that of most kernels: a thread finds what it used last in its
// caches, and not, as another's, in theirs.
template <class T>
class SlotMemory {
 public:
  explicit SlotMemory(int64_t values) : values_(values) {}

  size_t bytes(int slots) const {
    return size_t(std::max(slots - 1, 0) * stride() + (slots > 0 ? values_ : 0)) * sizeof(T);
  }
  T* of(int64_t slot, void* workspace) const {
    return static_cast<T*>(workspace) + slot * stride();
  }

 private:
  int64_t stride() const {
    constexpr int64_t kStep = (1 << 20) / int64_t(sizeof(T)), kFew = kStep / 16;
    return values_ < kFew ? values_ : (values_ + kStep - 1) / kStep * kStep;
  }

  int64_t values_;
};

}  // namespace sf
