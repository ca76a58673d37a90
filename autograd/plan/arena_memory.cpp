#include "autograd/plan/arena_memory.h"

#include <algorithm>

namespace sf {

uint64_t ArenaMemory::enter(size_t bytes) {
  if (bytes > bytes_) release();
  bytes_ = std::max(bytes_, bytes);
  return ++plans_;
}

std::byte* ArenaMemory::take(uint64_t plan) {
  if (!storage_) storage_ = Storage::allocate(device_, bytes_);
  holder_ = plan;
  return storage_->data();
}

void ArenaMemory::release() {
  storage_.reset();
  holder_ = 0;
}

}  // namespace sf
