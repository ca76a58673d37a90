// Clips on their way to a CUDA device and results on their way back, beside its work.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "autograd/plan/plan.h"

namespace sf {

// Batches go through pinned memory on a stream of their own. While the device works on one, the
// next is written there and copied to memory beside the plans'. What lies on the device goes into
// the plan's memory straight away. One thread at a time.
class Transfer {
 public:
  // For plans that run on those streams.
  Transfer(int device, LaneStreams& streams)
      : device_(device), streams_(streams), copies_(device) {}
  // Waits for what was started: it reads and writes memory that goes back.
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Queues the copies of the inputs, a run and the copies of its results, and returns before they
  // are done. Input p is what the tensors of parts[p], of one device, hold one behind the other.
  void start(Plan& plan, std::span<const Value> inputs, std::span<const Value> results,
             std::span<const std::vector<Tensor>> parts);
  // Runs that may be started and not finished.
  static constexpr size_t kSlots = 2;
  size_t started() const { return started_.size(); }
  // Waits for the run that was started first. Its results, dense; throws what it ran into.
  std::vector<Tensor> finish();

 private:
  struct Pinned {
    std::byte* at_least(size_t bytes);
    std::unique_ptr<std::byte, void (*)(void*)> data{nullptr, cuda::release_pinned};
    size_t bytes = 0;
  };
  struct Slot {
    explicit Slot(int device) : copied(device), done(device) {}
    Pinned inputs, results;
    cuda::Event copied;  // the inputs, to the device
    cuda::Event done;    // all of it
    std::vector<TensorType> types = {};
    std::vector<Tensor> kept = {};  // on the device, which the copies read
  };

  void copy_from_host(Slot& slot, Plan& plan, std::span<const Value> inputs,
                      std::span<const std::vector<Tensor>> parts);

  int device_;
  LaneStreams& streams_;
  cuda::Stream copies_;
  std::shared_ptr<Storage> on_device_;  // inputs of the next run
  cuda::Event taken_{device_};          // from there
  std::array<Slot, kSlots> slots_{Slot(device_), Slot(device_)};
  size_t next_ = 0;
  std::deque<Slot*> started_;
};

}  // namespace sf
