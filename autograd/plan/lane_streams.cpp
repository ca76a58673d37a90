#include "autograd/plan/lane_streams.h"

namespace sf {

void LaneStreams::want(int lanes) {
  while (!device_.is_host() && int(lanes_.size()) < lanes) lanes_.emplace_back(device_.index);
}

Queue LaneStreams::queue(int lane) const {
  return device_.is_host() ? Queue{.backend = device_.backend}
                           : lanes_[size_t(lane)].stream.queue();
}

std::optional<int> LaneStreams::cuda_device() const {
  return device_.is_host() ? std::nullopt : std::optional(device_.index);
}

void LaneStreams::fork(int lanes) {
  if (device_.is_host() || lanes == 1) return;
  record(lanes_[0].end, 0);
  for (int lane = 1; lane < lanes; ++lane) wait(lane, lanes_[0].end);
}

void LaneStreams::join(int lanes) {
  if (device_.is_host()) return;
  for (int lane = 1; lane < lanes; ++lane) {
    record(lanes_[size_t(lane)].end, lane);
    wait(0, lanes_[size_t(lane)].end);
  }
}

void LaneStreams::record(cuda::Event& event, int lane) const {
  event.record(lanes_[size_t(lane)].stream);
}

void LaneStreams::wait(int lane, const cuda::Event& event) const {
  lanes_[size_t(lane)].stream.wait_for(event);
}

void LaneStreams::synchronize() const {
  if (!device_.is_host()) lanes_[0].stream.synchronize();
}

std::unique_ptr<cuda::Graph> LaneStreams::record(const std::function<void()>& f) const {
  return std::make_unique<cuda::Graph>(first(), f);
}

void LaneStreams::launch(const cuda::Graph& run) const { run.launch(first()); }

}  // namespace sf
