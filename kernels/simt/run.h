// Runs a kernel on the host: a fiber for each thread, blocks spread over the CPU threads. Stricter
// than a GPU: shared memory starts as NaN, cp.async data lands only at the matching wait, and the
// order of threads is the adversary's.
#pragma once

#include "kernels/simt/order.h"
#include "kernels/simt/thread.h"

namespace sf::simt {

struct Launch {
  dim3 grid, block;
  size_t shared_bytes = 0;
  Site where;  // names the kernel in reports
};

// A call of the kernel, not owned.
class Body {
 public:
  template <class F>
  Body(const F& f) : f_(&f), call_([](const void* g) { (*static_cast<const F*>(g))(); }) {}
  void operator()() const { call_(f_); }

 private:
  const void* f_;
  void (*call_)(const void*);
};

// Returns when every block is done. Throws sf::Error with one line for what a GPU would refuse or
// leave undefined: a launch out of its limits, a divergent barrier or collective,
// shared memory out of bounds, a misaligned vector.
void run(const Launch& launch, Body body);

}  // namespace sf::simt
