// Ranks for plans that do not run.
#pragma once

#include <memory>

#include "dist/process_group.h"
#include "kernels/base/error.h"

namespace sf {

// The first of a number of ranks, none of which is there: groups of any device can be cut from
// them, every exchange throws.
class PlannedRanks : public ProcessGroup {
 public:
  explicit PlannedRanks(int size) : size_(size) {}
  int rank() const override { return 0; }
  int size() const override { return size_; }
  void all_reduce(Elements) override { refuse(); }
  void reduce_scatter(Elements) override { refuse(); }
  void all_gather(Elements, std::span<const int64_t>) override { refuse(); }
  void broadcast(Elements, int) override { refuse(); }
  void barrier() override { refuse(); }
  std::shared_ptr<ProcessGroup> consecutive(int size) override {
    check_divides(size_, size, "ranks of a group");
    return std::make_shared<PlannedRanks>(size);
  }
  std::shared_ptr<ProcessGroup> on_device(int) override { return consecutive(size_); }

 private:
  [[noreturn]] static void refuse() {
    throw Error("process group: these ranks are there for a plan alone");
  }

  int size_;
};

}  // namespace sf
