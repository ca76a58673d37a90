// Where threads may run. With OMP_PROC_BIND OpenMP binds the first thread of the process and those
// of its pool to a processor each, and what they start, be it a thread or a process, inherits that.
#pragma once

#include <sched.h>

namespace sf {

// The processors that the process was given, of which those of OMP_PLACES where threads are bound.
// In a build without OpenMP: those of the calling thread.
cpu_set_t all_processors();
int processor_count();  // of them, 1 at least

// For one of several processes: its share of them, neighbours by number, if threads are bound, of
// which those of all processes would go to the same ones, or else all.
cpu_set_t processors_of(int process, int processes);

// While it lives, the thread that made it, and what that starts, may run on all of them. A thread
// that is not one of the pool's has no loops on the pool under it: those would bind it.
class OnAllProcessors {
 public:
  OnAllProcessors();
  OnAllProcessors(const OnAllProcessors&) = delete;
  OnAllProcessors& operator=(const OnAllProcessors&) = delete;
  ~OnAllProcessors();

 private:
  cpu_set_t before_;
};

}  // namespace sf
