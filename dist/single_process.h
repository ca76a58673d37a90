// The group of a process that trains alone.
#pragma once

#include "dist/process_group.h"

namespace sf {

// One rank: every operation leaves the values as they are.
class SingleProcess : public ProcessGroup {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_reduce(Elements values) override { check_summable(values.dtype); }
  void reduce_scatter(Elements values) override { check_summable(values.dtype); }
  void all_gather(Elements values, std::span<const int64_t> counts) override {
    check_parts(values.count, counts, 1);
  }
  void broadcast(Elements, int root) override { check_root(root, 1); }
  void barrier() override {}
  std::shared_ptr<ProcessGroup> consecutive(int size) override;
  std::shared_ptr<ProcessGroup> on_device(int) override;
};

}  // namespace sf
