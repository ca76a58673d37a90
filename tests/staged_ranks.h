// Ranks whose values lie in the memory of CUDA devices, which they may share: one GPU, or its
// stand-in, is enough for several.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "dist/process_group.h"
#include "kernels/base/cuda/runtime.h"
#include "tensor/device_queue.h"

namespace sf::test {

// Exchanges through the host, on a queue apart from all others: it does not wait for work that
// nobody has waited for. Values of devices that this machine has not lie in the host's memory.
class StagedRanks : public ProcessGroup {
 public:
  explicit StagedRanks(std::shared_ptr<ProcessGroup> host, Device device = {})
      : host_(std::move(host)), queue_(device) {}

  int rank() const override { return host_->rank(); }
  int size() const override { return host_->size(); }
  void all_reduce(Elements values) override {
    staged(values, [&](Elements v) { host_->all_reduce(v); });
  }
  void reduce_scatter(Elements values) override {
    staged(values, [&](Elements v) { host_->reduce_scatter(v); });
  }
  void all_gather(Elements values, std::span<const int64_t> counts) override {
    staged(values, [&](Elements v) { host_->all_gather(v, counts); });
  }
  void broadcast(Elements values, int root) override {
    staged(values, [&](Elements v) { host_->broadcast(v, root); });
  }
  void barrier() override { host_->barrier(); }
  std::shared_ptr<ProcessGroup> consecutive(int size) override { return part(size, {}); }
  std::shared_ptr<ProcessGroup> on_device(int device) override {
    asked_->push_back(device);
    if (device >= cuda::device_count()) return part(size(), {});
    return part(size(), {.backend = Backend::cuda, .index = device});
  }
  void fail(const std::string& reason) override { host_->fail(reason); }

  // The devices that this group and those cut from it were asked for.
  const std::vector<int>& asked() const { return *asked_; }

 private:
  std::shared_ptr<ProcessGroup> part(int size, Device device) const {
    auto part = std::make_shared<StagedRanks>(host_->consecutive(size), device);
    part->asked_ = asked_;
    return part;
  }
  void staged(Elements values, const std::function<void(Elements)>& exchange) const {
    std::vector<std::byte> copy(size_t(values.count) * size_of(values.dtype));
    queue_.copy(copy.data(), values.data, copy.size());
    queue_.synchronize("copy to the host");
    exchange({copy.data(), values.count, values.dtype});
    queue_.copy(values.data, copy.data(), copy.size());
    queue_.synchronize("copy to the device");
  }

  std::shared_ptr<ProcessGroup> host_;
  DeviceQueue queue_;
  std::shared_ptr<std::vector<int>> asked_ = std::make_shared<std::vector<int>>();
};

}  // namespace sf::test
