#include "data/batch_memory.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace sf {

class BatchMemory::Spare {
 public:
  explicit Spare(size_t most) : most_(most) {}

  // Null if none of that size is kept.
  std::shared_ptr<Storage> take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto at =
        std::ranges::find_if(kept_, [&](const auto& storage) { return storage->size() == bytes; });
    if (at == kept_.end()) return nullptr;
    std::shared_ptr<Storage> found = std::move(*at);
    kept_.erase(at);
    bytes_ -= bytes;
    return found;
  }

  // Makes room by freeing what was kept longest.
  void keep(std::shared_ptr<Storage> storage) {
    const std::lock_guard lock(mutex_);
    bytes_ += storage->size();
    kept_.push_back(std::move(storage));
    while (bytes_ > most_) {
      bytes_ -= kept_.front()->size();
      kept_.erase(kept_.begin());
    }
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    kept_.clear();
    bytes_ = 0;
  }

 private:
  const size_t most_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Storage>> kept_;
  size_t bytes_ = 0;
};

BatchMemory::BatchMemory(size_t spare_bytes, Device device)
    : device_(device), spare_(std::make_shared<Spare>(spare_bytes)) {}

Tensor BatchMemory::tensor(TensorType type) {
  const auto bytes = size_t(type.bytes());
  std::shared_ptr<Storage> storage = spare_->take(bytes);
  if (!storage) storage = Storage::allocate(device_, bytes);
  std::byte* const data = storage->data();
  const std::shared_ptr<const void> owner(
      data, [storage = std::move(storage), spare = std::weak_ptr(spare_)](const void*) mutable {
        if (const auto s = spare.lock()) s->keep(std::move(storage));
      });
  return {type, Storage::borrow(data, bytes, owner, device_), 0};
}

void BatchMemory::clear() { spare_->clear(); }

}  // namespace sf
