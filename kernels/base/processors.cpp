#include "kernels/base/processors.h"

#include <algorithm>
#include <vector>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace sf {
namespace {

// Those that threads are bound to; none if they are not bound.
cpu_set_t bound_processors() {
  cpu_set_t bound;
  CPU_ZERO(&bound);
#ifdef _OPENMP
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> processors(size_t(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, processors.data());
    for (const int processor : processors) CPU_SET(size_t(processor), &bound);
  }
#endif
  return bound;
}

}  // namespace

cpu_set_t all_processors() {
  cpu_set_t all = bound_processors();
  if (CPU_COUNT(&all) == 0) sched_getaffinity(0, sizeof(all), &all);
  return all;
}

int processor_count() {
  const cpu_set_t all = all_processors();
  return std::max(CPU_COUNT(&all), 1);
}

cpu_set_t processors_of(int process, int processes) {
  const cpu_set_t bound = bound_processors();
  const int count = CPU_COUNT(&bound);
  if (count == 0) return all_processors();
  const int first = process * count / processes;
  const int end = std::max((process + 1) * count / processes, first + 1);
  cpu_set_t share;
  CPU_ZERO(&share);
  int index = 0;
  for (size_t processor = 0; processor < CPU_SETSIZE; ++processor)
    if (CPU_ISSET(processor, &bound)) {
      if (index >= first && index < end) CPU_SET(processor, &share);
      ++index;
    }
  return share;
}

OnAllProcessors::OnAllProcessors() {
  sched_getaffinity(0, sizeof(before_), &before_);
  const cpu_set_t all = all_processors();
  sched_setaffinity(0, sizeof(all), &all);
}

OnAllProcessors::~OnAllProcessors() { sched_setaffinity(0, sizeof(before_), &before_); }

}  // namespace sf
