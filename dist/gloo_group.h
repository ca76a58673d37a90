// Groups of processes on any number of machines, over TCP; values in the memory of the CPU.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dist/gloo_mesh.h"
#include "dist/process_group.h"

namespace sf {

// Sums are the same bits on all ranks and in all runs, whatever arrives first. Large arrays travel
// in parts, each rank adding up one: what a rank sends and receives does not grow with their
// number.
class GlooGroup : public ProcessGroup {
 public:
  // The group of all ranks of the job; they call it together.
  static std::shared_ptr<ProcessGroup> world(std::shared_ptr<const GlooTransport> transport);

  int rank() const override { return mesh_->rank(); }
  int size() const override { return mesh_->size(); }
  void all_reduce(Elements values) override;
  void reduce_scatter(Elements values) override;
  void all_gather(Elements values, std::span<const int64_t> counts) override;
  void broadcast(Elements values, int root) override;
  void barrier() override;
  void await_all() override;
  void fail(const std::string& reason) override;
  std::shared_ptr<ProcessGroup> consecutive(int size) override;
  std::shared_ptr<ProcessGroup> on_device(int device) override;

 private:
  // `name` is the same on the group's ranks and no other group's that they are in; `first` the
  // number of the group's rank 0 among all ranks.
  GlooGroup(std::shared_ptr<const GlooTransport> transport, std::string name, int first, int rank,
            int size);

  // Runs one operation, `text` in messages: the ranks whose texts differ wait for each other.
  template <class Act>
  void operation(const std::string& text, const Act& act, bool patient = false);
  void connect(const std::vector<std::string>& addresses);
  void meet();
  std::shared_ptr<GlooGroup> part(int ranks);
  uint64_t next_slot();
  std::byte* scratch(size_t bytes);
  RangeByRank parts(int64_t count, size_t element_bytes) const;
  void reduce_parts(Elements values, const RangeByRank& parts);
  void gather_parts(void* data, const RangeByRank& parts);
  void reduce_at_once(Elements values);

  std::shared_ptr<const GlooTransport> transport_;
  std::unique_ptr<GlooMesh> mesh_;
  std::string name_;
  int first_;
  int cuts_ = 0;
  int64_t number_ = 0;  // of the operation
  uint64_t slot_ = 0;
  std::unique_ptr<std::byte[]> scratch_;  // what other ranks send to be added up; kept
  size_t scratch_bytes_ = 0;
};

}  // namespace sf
