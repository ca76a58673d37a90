// The streams that plans queue their lanes on.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "kernels/base/cuda/runtime.h"
#include "tensor/device.h"

namespace sf {

// On a CUDA device a stream for each lane; elsewhere the calling thread does all work at once and
// there is nothing to wait for. All work of a run lies between a fork and a join, so runs, also of
// different plans, come one behind the other.
class LaneStreams {
 public:
  explicit LaneStreams(Device device) : device_(device) {}

  // Makes the streams of that many lanes.
  void want(int lanes);
  Queue queue(int lane) const;
  // That of lane 0, which every run starts and ends on. On a CUDA device only.
  const cuda::Stream& first() const { return lanes_[0].stream; }
  // Of the device, if it is a CUDA device.
  std::optional<int> cuda_device() const;

  // Lets the lanes start with what lane 0 has done.
  void fork(int lanes);
  // Lets lane 0 go on with what the lanes have done.
  void join(int lanes);
  void record(cuda::Event& event, int lane) const;
  void wait(int lane, const cuda::Event& event) const;
  // Returns when lane 0 is done, and so, behind a join, all lanes.
  void synchronize() const;

  // A run, as f queues it from fork to join, without doing it; and a run of that.
  std::unique_ptr<cuda::Graph> record(const std::function<void()>& f) const;
  void launch(const cuda::Graph& run) const;

 private:
  struct Lane {
    explicit Lane(int device) : stream(device), end(device) {}
    cuda::Stream stream;
    cuda::Event end;
  };

  Device device_;
  std::deque<Lane> lanes_;
};

}  // namespace sf
