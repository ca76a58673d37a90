// How threads of the one OpenMP pool wait for each other.
#pragma once

#include <string>

namespace sf {

// GCC's libgomp lets them spin for some milliseconds, in which threads of other work, as loaders
// of data, find no processor; with this they sleep after some tenths of one. libgomp reads its
// environment before main() begins, so the program is begun anew in the same process with
// GOMP_SPINCOUNT set. Returns where the environment says already how threads wait, and where the
// program cannot be begun anew. To be called before there are threads.
void wait_briefly(char** argv);

// "GOMP_SPINCOUNT=10000": what of the environment says how they wait; empty: nothing.
std::string how_threads_wait();

}  // namespace sf
