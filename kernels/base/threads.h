// The one CPU thread pool: OpenMP. Its size is OMP_NUM_THREADS or set_threads().
#pragma once

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

// Calls f(i) for i in [0, n), in any order, on all threads; chunks of `grain` are handed out as
// threads become free, since other work on the machine may slow one of them down. f must not throw.
template <class F>
void parallel_for(int64_t n, int64_t grain, const F& f) {
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, grain) if (n > grain)
#else
  (void)grain;
#endif
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

// Calls f(slot, i) for i in [0, n), in any order, on all threads. Calls of the same slot, of
// `slots`, follow each other, so that a slot can have memory of its own. f must not throw.
template <class F>
void parallel_for_slots(int64_t n, int slots, const F& f) {
  std::atomic<int64_t> next{0};
  parallel_for(slots, 1, [&](int64_t slot) {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < n;) f(slot, i);
  });
}

}  // namespace sf
