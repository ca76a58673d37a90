// Bytes on one device.
#pragma once

#include <cstddef>
#include <memory>

#include "tensor/device.h"

namespace sf {

class Storage {
 public:
  // Aligned to 64 bytes at least, large blocks of the host on huge pages where the system has them;
  // contents undefined. Throws sf::Error when the memory is not there.
  static std::shared_ptr<Storage> allocate(Device device, size_t bytes);
  // Memory of that device that belongs to `owner` (a mapped file, say), which is kept alive.
  static std::shared_ptr<Storage> borrow(std::byte* data, size_t bytes,
                                         std::shared_ptr<const void> owner, Device device = {});

  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage();

  // Moves the bytes to memory of another device; all tensors over them follow, but not those who
  // have asked for data() before.
  void move_to(Device device);

  Device device() const { return device_; }
  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

  // The most bytes of CUDA devices that all storages of the process held at once so far. Any
  // thread.
  static size_t peak_cuda_bytes();

 private:
  Storage(Device device, std::byte* data, size_t bytes)
      : device_(device), data_(data), size_(bytes) {}

  Device device_;
  std::byte* data_;
  size_t size_;
  std::shared_ptr<const void> owner_;  // null: data_ is ours to free
};

}  // namespace sf
