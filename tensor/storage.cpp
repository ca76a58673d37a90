#include "tensor/storage.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include <sys/mman.h>

#include "kernels/base/cuda/runtime.h"

namespace sf {

namespace {

void* allocate_on_host(size_t bytes) {
  constexpr size_t kHugePage = size_t{2} << 20;
  const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  const size_t padded = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  void* data = std::aligned_alloc(alignment, padded);
  SF_CHECK(data, "memory: could not allocate ", bytes, " bytes");
  // Whole pages only: the rest of a last one would cost memory. A hint: failure costs speed only.
  if (alignment == kHugePage) madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return data;
}

std::atomic<size_t> cuda_bytes{0}, most_cuda_bytes{0};

void* allocate_on_cuda(int device, size_t bytes) {
  void* data = cuda::allocate(device, std::max<size_t>(bytes, 1));
  const size_t held = cuda_bytes += bytes;
  for (size_t most = most_cuda_bytes; most < held;)
    if (most_cuda_bytes.compare_exchange_weak(most, held)) break;
  return data;
}

}  // namespace

size_t Storage::peak_cuda_bytes() { return most_cuda_bytes; }

std::shared_ptr<Storage> Storage::allocate(Device device, size_t bytes) {
  void* data = device.is_host() ? allocate_on_host(bytes) : allocate_on_cuda(device.index, bytes);
  return std::shared_ptr<Storage>(new Storage(device, static_cast<std::byte*>(data), bytes));
}

std::shared_ptr<Storage> Storage::borrow(std::byte* data, size_t bytes,
                                         std::shared_ptr<const void> owner, Device device) {
  auto storage = std::shared_ptr<Storage>(new Storage(device, data, bytes));
  storage->owner_ = std::move(owner);
  return storage;
}

void Storage::move_to(Device device) {
  if (device == device_ || (device.is_host() && device_.is_host())) {
    device_ = device;
    return;
  }
  const auto moved = allocate(device, size_);
  copy_bytes(moved->data_, device, data_, device_, size_);
  std::swap(device_, moved->device_);
  std::swap(data_, moved->data_);
  std::swap(owner_, moved->owner_);
}

Storage::~Storage() {
  if (owner_) return;
  if (device_.is_host()) {
    std::free(data_);
  } else {
    cuda::release(data_);
    cuda_bytes -= size_;
  }
}

}  // namespace sf
