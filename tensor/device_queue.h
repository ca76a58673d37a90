// Work on one device, one piece behind the other.
#pragma once

#include <memory>
#include <string_view>

#include "kernels/base/cuda/runtime.h"
#include "tensor/device.h"

namespace sf {

// On a CUDA device a stream of its own, which copies share, apart from the default stream, so that
// others see its work behind synchronize() alone; elsewhere the calling thread does all
// work at once. Any thread, but the order of what several queue at once is theirs to care for.
class DeviceQueue {
 public:
  DeviceQueue() = default;  // of the host
  explicit DeviceQueue(Device device);

  Device device() const { return device_; }
  // Calls f(Queue), which starts kernels.
  template <class F>
  void run(const F& f) const {
    const cuda::DeviceScope scope(stream_ ? std::optional(device_.index) : std::nullopt);
    f(native());
  }
  // Queue a copy within the device's memory, or between it and the host's; that of the host may be
  // used again on return where it was read, and behind synchronize() where it was written.
  void copy(void* to, const void* from, size_t bytes) const;
  void copy_rows(void* to, const void* from, const cuda::RowCopy& layout) const;
  // Returns when all is done; throws, with the name, what it ran into.
  void synchronize(std::string_view work) const;
  // A cudaStream_t; null on the host.
  void* stream() const { return native().native; }

 private:
  Queue native() const;

  Device device_;
  std::shared_ptr<const cuda::Stream> stream_;
};

}  // namespace sf
