#include "tensor/device_queue.h"

#include <cstring>

namespace sf {

DeviceQueue::DeviceQueue(Device device) : device_(device) {
  if (device.is_host()) return;
  stream_ = std::make_shared<const cuda::Stream>(device.index, cuda::Stream::Order::apart);
}

Queue DeviceQueue::native() const {
  return stream_ ? stream_->queue() : Queue{.backend = device_.backend};
}

// Copies of pageable memory read all of it before they return.
void DeviceQueue::copy(void* to, const void* from, size_t bytes) const {
  if (stream_)
    stream_->copy(to, from, bytes);
  else
    std::memcpy(to, from, bytes);
}

void DeviceQueue::copy_rows(void* to, const void* from, const cuda::RowCopy& r) const {
  if (stream_) return stream_->copy_rows(to, from, r);
  for (size_t i = 0; i < r.rows; ++i)
    std::memcpy(static_cast<std::byte*>(to) + i * r.to_pitch,
                static_cast<const std::byte*>(from) + i * r.from_pitch, r.bytes);
}

void DeviceQueue::synchronize(std::string_view work) const {
  if (!stream_) return;
  cuda::check_launches(work);
  stream_->synchronize();
}

}  // namespace sf
