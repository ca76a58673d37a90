// The order in which the threads of a kernel run on the host.
#pragma once

namespace sf::simt {

// The order in which threads that may run do run. 0: ascending; 1: descending; others: random.
// Under 0 and 1 together any two threads of a block between the same two barriers run in both
// orders, so a missing barrier between a write and a read of shared memory shows in one of them.
// The default is SF_SIMT_SEED, or 0.
unsigned seed();

class ScopedSeed {
 public:
  explicit ScopedSeed(unsigned seed);
  ~ScopedSeed();
  ScopedSeed(const ScopedSeed&) = delete;
  ScopedSeed& operator=(const ScopedSeed&) = delete;

 private:
  unsigned before_;
};

}  // namespace sf::simt
