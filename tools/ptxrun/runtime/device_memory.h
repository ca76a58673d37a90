// Memory that kernels see. That of cudaMalloc is readable only while a kernel or a copy runs, so a
// host program that touches it stops with a fault, as on a GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>

namespace ptxrun {

class DeviceMemory {
 public:
  explicit DeviceMemory(size_t limit);

  // Filled with NaN; null when the limit, which all devices share, is reached.
  void* allocate(int device, size_t bytes);
  // False if the pointer is not the start of an allocation. Reports a write past the end.
  bool release(void* data);
  bool contains(const void* data, size_t bytes) const;
  bool owns(const void* address) const;  // within the reserved addresses
  size_t used() const { return used_; }
  size_t used_high() const { return used_high_; }
  // Of the device.
  void for_each(int device, const std::function<void(void*, size_t)>& f) const;
  // Of which device the allocation around the address is.
  int device_of(const void* data) const;

  void open();
  void close();

 private:
  void protect(int protection) const;

  char* base_;
  size_t limit_;
  size_t used_ = 0, used_high_ = 0;
  size_t top_ = 0;  // of addresses ever used
  int opened_ = 0;
  struct Allocation {
    size_t bytes;  // asked for
    int device;
  };
  std::map<size_t, Allocation> allocations_;  // by offset
  std::map<size_t, size_t> holes_;            // bytes, by offset
};

DeviceMemory& device_memory();

// Device memory can be touched while one of these exists.
class DeviceAccess {
 public:
  DeviceAccess() { device_memory().open(); }
  ~DeviceAccess() { device_memory().close(); }
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

// Pinned, registered and managed memory, which both sides see.
std::map<uintptr_t, size_t>& mapped_host_memory();

// Whether a kernel may touch all of it.
bool visible_to_kernels(const void* data, size_t bytes);

}  // namespace ptxrun
