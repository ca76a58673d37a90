// Runs the blocks of a launch, one after the other, on the calling OS thread.
#pragma once

#include <exception>
#include <memory>
#include <random>
#include <vector>

#include "kernels/simt/fiber.h"
#include "kernels/simt/recorder.h"
#include "kernels/simt/run.h"
#include "kernels/simt/shared_memory.h"
#include "kernels/simt/thread.h"

namespace sf::simt {

class BlockRunner;

// A fiber that runs threads of blocks to their end, one after the other.
class Worker {
 public:
  explicit Worker(BlockRunner& runner);
  ~Worker();

  Thread* thread = nullptr;
  Fiber& fiber() { return fiber_; }

 private:
  Fiber& main();

  BlockRunner& runner_;
  bool quit_ = false;
  Stack stack_;
  Fiber fiber_;
};

// A thread begins on the worker of one that has ended, so a kernel in which nobody waits is a loop
// on one fiber. One BlockRunner an OS thread; it keeps its fibers and its shared memory.
class BlockRunner {
 public:
  // Throws the report of the first thread that makes one. Counts if counts is not null.
  void run(const Launch& launch, const Body& body, dim3 index, unsigned seed, Counts* counts);

  // Of the block that runs.
  const Launch& launch() const { return *launch_; }
  Recorder* recorder() { return counting_ ? &recorder_ : nullptr; }
  void syncthreads(const Site& where);
  bool arrive(const char* collective, void* brought, const Site& where);
  void complete();

  // The BlockRunner of this OS thread.
  static BlockRunner& mine() { return mine_ ? *mine_ : make_mine(); }

 private:
  friend class Worker;

  static BlockRunner& make_mine();
  static constinit thread_local BlockRunner* mine_;

  void begin(dim3 index);
  void finish();
  Thread* next();
  Fiber& fiber_of(Thread* thread);
  void run_thread(Thread& thread);
  void leave(Thread& thread);
  void wait();
  uint32_t choose(uint32_t set);

  const Launch* launch_ = nullptr;
  const Body* body_ = nullptr;
  unsigned seed_ = 0;
  std::minstd_rand random_;
  Block block_;
  SharedMemory shared_;
  Recorder recorder_;
  bool counting_ = false;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  uint32_t runnable_warps_ = 0;
  int warp_ = 0;        // whose lanes run at the moment,
  uint32_t lanes_ = 0;  // and which of them are still to run
  size_t unfinished_ = 0, at_barrier_ = 0, exited_ = 0;
  Site barrier_;
  std::exception_ptr failure_;
  bool unwinding_ = false;
  Fiber root_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Worker*> idle_;
};

}  // namespace sf::simt
