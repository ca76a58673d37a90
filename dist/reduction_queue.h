// Sums over ranks that are added up while the calling thread goes on.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "dist/process_group.h"

namespace sf {

// A thread that works off all_reduce calls one by one, in the order in which they were started: all
// ranks start the same ones in the same order. One thread at a time starts and waits.
class ReductionQueue {
 public:
  // The group is the queue's alone from now on. half: bf16 or f16, what f32 values are rounded to
  // on their way between ranks, and their sums, added as the group adds, once more: half the
  // traffic. A sum beyond the type's range becomes infinite.
  explicit ReductionQueue(std::shared_ptr<ProcessGroup> group, std::optional<DType> half = {});
  ~ReductionQueue();  // ends
  ReductionQueue(const ReductionQueue&) = delete;
  ReductionQueue& operator=(const ReductionQueue&) = delete;

  int size() const { return size_; }  // ranks

  // The values become their sums over all ranks: f32 or f64. Nobody touches them until they were
  // waited for. Where they are still in the making, complete() returns once they are there; the
  // queue's thread calls it. Returns the number of the sum.
  int64_t start(Elements values, std::function<void()> complete = {});
  // Returns when this sum and all before it are there. Throws what the group threw.
  void wait(int64_t number);
  // Returns when the thread has ended, so that nothing touches the values any more; sums that are
  // still in the making are given up, and the group fails with the reason (ProcessGroup::fail).
  // Afterwards start() throws.
  void end(const std::string& reason);

 private:
  struct Sum {
    Elements values;
    std::function<void()> complete;
  };

  void work();
  void reduce(Elements values);

  const std::shared_ptr<ProcessGroup> group_;
  const int size_;
  const std::optional<DType> half_;
  std::vector<std::byte> rounded_;  // values in the half type

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Sum> waiting_;
  int64_t started_ = 0, done_ = 0;
  std::exception_ptr failure_;
  bool ended_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sf
