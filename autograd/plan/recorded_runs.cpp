#include "autograd/plan/recorded_runs.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "kernels/base/warning.h"

namespace sf {
namespace {

// Whether a variable of the environment is 0; empty and absent ones are not.
bool is_zero(const char* name) {
  const char* value = std::getenv(name);
  return value && std::string_view(value) == "0";
}

bool is_on(const char* name) {
  const char* value = std::getenv(name);
  return value && *value && !is_zero(name);
}

constexpr int kMostFailures = 4;

}  // namespace

bool wants_recorded_runs(Device device) {
  return device.backend == Backend::cuda && !is_zero("SF_CUDA_GRAPHS") &&
         !is_on("CUDA_LAUNCH_BLOCKING");
}

void RecordedRuns::run(LaneStreams& streams, size_t begin, size_t end,
                       const std::function<void()>& queue_steps) {
  if (!wanted_) return queue_steps();
  const auto [range, first] = ranges_.try_emplace({begin, end});
  if (first) return queue_steps();
  auto& graph = range->second;
  if (!graph) {
    try {
      graph = streams.record(queue_steps);
    } catch (const Error& e) {
      queue_steps();
      if (++failures_ < kMostFailures) return;
      wanted_ = false;
      forget();
      warn(cat("plan: its steps are queued one by one, as they cannot be recorded: ", e.what()));
      return;
    }
  }
  streams.launch(*graph);
}

size_t RecordedRuns::count() const {
  return size_t(std::ranges::count_if(ranges_, [](const auto& r) { return bool(r.second); }));
}

}  // namespace sf
