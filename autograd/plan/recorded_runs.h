// Runs of a plan that are recorded once and then queued by one call.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "autograd/plan/lane_streams.h"

namespace sf {

// On a CUDA device, unless SF_CUDA_GRAPHS is 0 in the environment. With CUDA_LAUNCH_BLOCKING steps
// are queued one by one too, so that a fault is that of its step.
bool wants_recorded_runs(Device device);

// A recording keeps the addresses and all other arguments that the kernels had: what changes from
// run to run has to be read from memory. One thread at a time.
class RecordedRuns {
 public:
  explicit RecordedRuns(bool wanted) : wanted_(wanted) {}

  // Does what queue_steps does. The first time it queues the range one by one, which also loads the
  // kernels; the second time it is recorded. Other threads' work on the device can spoil a
  // recording: then the next run tries again. Where the fourth try of all fails, this is said once
  // and all ranges are queued one by one from then on.
  void run(LaneStreams& streams, size_t begin, size_t end,
           const std::function<void()>& queue_steps);
  // What the steps read or write is elsewhere from now on.
  void forget() { ranges_.clear(); }
  // Ranges that one call queues.
  size_t count() const;

 private:
  bool wanted_;
  int failures_ = 0;
  std::map<std::pair<size_t, size_t>, std::unique_ptr<cuda::Graph>> ranges_;  // null: not recorded
};

}  // namespace sf
