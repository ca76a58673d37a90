// The memory of plans that run in turn, and what they run on.
#pragma once

#include <cstdint>
#include <memory>

#include "autograd/plan/lane_streams.h"
#include "tensor/storage.h"

namespace sf {

// As large as the largest of its plans wants, taken from the system when one of them is used. The
// values in it are those of one plan at a time: of the last one that was fed, or run without
// inputs. One thread at a time.
class ArenaMemory {
 public:
  explicit ArenaMemory(Device device = {}) : device_(device), streams_(device) {}
  ArenaMemory(const ArenaMemory&) = delete;
  ArenaMemory& operator=(const ArenaMemory&) = delete;

  // A number for a plan that wants that many bytes. Values are lost where the memory has to grow.
  uint64_t enter(size_t bytes);
  // Makes the memory that plan's. Throws if the system has not got it.
  std::byte* take(uint64_t plan);
  bool holds_values_of(uint64_t plan) const { return holder_ == plan; }
  // Gives the memory back to the system until a plan is used again. Values are lost.
  void release();

  size_t bytes() const { return bytes_; }
  // Of all these plans, so that each starts behind the ones before it.
  LaneStreams& streams() { return streams_; }

 private:
  Device device_;
  LaneStreams streams_;
  size_t bytes_ = 0;
  std::shared_ptr<Storage> storage_;
  uint64_t plans_ = 0;
  uint64_t holder_ = 0;  // 0: no plan
};

}  // namespace sf
