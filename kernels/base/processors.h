// Where threads may run. With OMP_PROC_BIND OpenMP binds the first thread of the process and those
// of its pool to a processor each, and what they start, be it a thread or a process, inherits that.
#pragma once

#include <sched.h>

namespace sf {

// The processors that the process was given.
cpu_set_t all_processors();
int processor_count();  // of them, 1 at least

// For one of several processes: its share of them if threads are bound, of which those of all
// processes would go to the same ones, or else all.
cpu_set_t processors_of(int process, int processes);

// Lets the calling thread, none of the pool's, run on all of them.
void run_on_all_processors();

}  // namespace sf
