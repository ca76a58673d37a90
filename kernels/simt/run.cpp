#include "kernels/simt/run.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include "kernels/base/error.h"
#include "kernels/base/threads.h"
#include "kernels/simt/block_runner.h"
#include "kernels/simt/counters.h"
#include "kernels/simt/place.h"

namespace sf::simt {
namespace {

void check_limits(const Launch& launch) {
  const dim3 &grid = launch.grid, &block = launch.block;
  const auto within = [&](const char* what, size_t found, size_t most) {
    SF_CHECK(found >= 1 && found <= most, "simt: kernel launched at ", place(launch.where),
             ": wanted ", what, " in [1, ", most, "], found ", found);
  };
  within("a grid.x", grid.x, 0x7FFFFFFF);
  within("a grid.y", grid.y, 65535);
  within("a grid.z", grid.z, 65535);
  within("a block's z", block.z, 64);
  within("threads of a block", block.count(), 1024);
  within("bytes of shared memory, plus 1,", launch.shared_bytes + 1, SharedMemory::kLimit + 1);
}

}  // namespace

void run(const Launch& launch, Body body) {
  check_limits(launch);
  const unsigned order = seed();
  const auto blocks = int64_t(launch.grid.count());
  std::atomic<bool> failed = false;
  std::exception_ptr failure;
  Counters* counters = Counters::active();
  Counts counts;
  std::mutex mutex;
  const auto run_block = [&](int64_t i) {
    if (failed) return;
    if (order == 1) i = blocks - 1 - i;
    const dim3& grid = launch.grid;
    const dim3 index(unsigned(i % grid.x), unsigned(i / grid.x % grid.y),
                     unsigned(i / grid.x / grid.y));
    try {
      Counts of_block;
      BlockRunner::mine().run(launch, body, index, order, counters ? &of_block : nullptr);
      if (counters) {
        const std::lock_guard lock(mutex);
        counts += of_block;
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  };
  parallel_for(blocks, std::clamp<int64_t>(blocks / (int64_t(max_threads()) * 8), 1, 64),
               run_block);
  if (failure) std::rethrow_exception(failure);
  if (counters) {
    counts.launches = 1;
    counters->add(place(launch.where), counts);
  }
}

}  // namespace sf::simt
