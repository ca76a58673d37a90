// Allocation, copies and fills.
#include <cstdlib>
#include <cstring>

#include "runtime/device.h"
#include "runtime/device_memory.h"
#include "runtime/modules.h"
#include "runtime/streams.h"

namespace ptxrun {
namespace {

bool on_device(const void* data, size_t bytes) {
  return visible_to_kernels(data, bytes) || in_variable(data, bytes);
}

bool touches_device(const void* data) { return device_memory().owns(data); }

cudaError_t bad_range(const char* what, size_t bytes) {
  return fail(cudaErrorInvalidValue, std::string(what) + " of " + std::to_string(bytes) + " bytes");
}

cudaError_t check_copy(const void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice ||
                         (kind == cudaMemcpyDefault && touches_device(to));
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice ||
                           (kind == cudaMemcpyDefault && touches_device(from));
  if (to_device && !on_device(to, bytes))
    return bad_range("copy to memory that is not the device's, or beyond its end,", bytes);
  if (from_device && !on_device(from, bytes))
    return bad_range("copy from memory that is not the device's, or beyond its end,", bytes);
  if (!to_device && touches_device(to))
    return bad_range("copy to the host names device memory as its destination,", bytes);
  if (!from_device && touches_device(from))
    return bad_range("copy from the host names device memory as its source,", bytes);
  return cudaSuccess;
}

cudaError_t copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (const cudaError_t error = sticky_error()) return error;
  if (!bytes) return cudaSuccess;
  if (const cudaError_t error = check_copy(to, from, bytes, kind)) return error;
  const DeviceAccess access;
  memmove(to, from, bytes);
  return cudaSuccess;
}

cudaError_t set(void* data, int value, size_t bytes) {
  if (const cudaError_t error = sticky_error()) return error;
  if (!bytes) return cudaSuccess;
  if (!on_device(data, bytes))
    return bad_range("fill of memory that is not the device's, or beyond its end,", bytes);
  const DeviceAccess access;
  memset(data, value, bytes);
  return cudaSuccess;
}

// f(row) for each row until one fails.
template <class F>
cudaError_t for_rows(size_t rows, const F& f) {
  for (size_t row = 0; row < rows; ++row)
    if (const cudaError_t error = f(row)) return error;
  return cudaSuccess;
}

cudaError_t allocate_on(int device, void** data, size_t bytes) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  if (const cudaError_t error = sticky_error()) return error;
  if (const cudaError_t error = forbid_in_capture("cudaMalloc")) return error;
  *data = bytes ? device_memory().allocate(device, bytes) : nullptr;
  return bytes && !*data ? refuse(cudaErrorMemoryAllocation) : cudaSuccess;
}

cudaError_t allocate_mapped(void** data, size_t bytes) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  *data = nullptr;
  if (!bytes) return cudaSuccess;
  if (const cudaError_t error = forbid_in_capture("allocation of pinned memory")) return error;
  *data = aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (!*data) return refuse(cudaErrorMemoryAllocation);
  mapped_host_memory()[reinterpret_cast<uintptr_t>(*data)] = bytes;
  return cudaSuccess;
}

}  // namespace
}  // namespace ptxrun

using namespace ptxrun;

extern "C" {

cudaError_t cudaMalloc(void** data, size_t bytes) {
  return allocate_on(current_device(), data, bytes);
}

cudaError_t cudaFree(void* data) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  if (!data) return cudaSuccess;
  if (const cudaError_t error = forbid_in_capture("cudaFree")) return error;
  if (device_memory().release(data)) return cudaSuccess;
  const auto mapped = mapped_host_memory().find(reinterpret_cast<uintptr_t>(data));
  if (mapped == mapped_host_memory().end())  // cudaMallocManaged's are freed here too
    return fail(cudaErrorInvalidValue, "cudaFree: not the start of an allocation");
  mapped_host_memory().erase(mapped);
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaMallocAsync(void** data, size_t bytes, cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_stream(stream)) return error;
  return allocate_on(stream_device(stream), data, bytes);
}
cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_stream(stream)) return error;
  return cudaFree(data);
}

cudaError_t cudaMallocManaged(void** data, size_t bytes, unsigned) {
  return allocate_mapped(data, bytes);
}
cudaError_t cudaMallocHost(void** data, size_t bytes) { return allocate_mapped(data, bytes); }
cudaError_t cudaHostAlloc(void** data, size_t bytes, unsigned) {
  return allocate_mapped(data, bytes);
}
cudaError_t cudaFreeHost(void* data) {
  const Lock lock(runtime_mutex());
  if (!data) return cudaSuccess;
  if (!mapped_host_memory().erase(reinterpret_cast<uintptr_t>(data)))
    return fail(cudaErrorInvalidValue, "cudaFreeHost: not the start of an allocation");
  std::free(data);
  return cudaSuccess;
}
cudaError_t cudaHostRegister(void* data, size_t bytes, unsigned) {
  const Lock lock(runtime_mutex());
  mapped_host_memory()[reinterpret_cast<uintptr_t>(data)] = bytes;
  return cudaSuccess;
}
cudaError_t cudaHostUnregister(void* data) {
  const Lock lock(runtime_mutex());
  if (mapped_host_memory().erase(reinterpret_cast<uintptr_t>(data))) return cudaSuccess;
  return fail(cudaErrorInvalidValue, "cudaHostUnregister: not registered");
}
cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned) {
  *device = host;
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  return queue_work(stream, [=] { return copy(to, from, bytes, kind); });
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  if (width > to_pitch || width > from_pitch) return refuse(cudaErrorInvalidValue);
  return queue_work(stream, [=] {
    return for_rows(height, [&](size_t row) {
      return copy(static_cast<char*>(to) + row * to_pitch,
                  static_cast<const char*>(from) + row * from_pitch, width, kind);
    });
  });
}
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                         size_t width, size_t height, cudaMemcpyKind kind) {
  return cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, height, kind, nullptr);
}

cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  return queue_work(stream, [=] { return set(data, value, bytes); });
}
cudaError_t cudaMemset(void* data, int value, size_t bytes) {
  return cudaMemsetAsync(data, value, bytes, nullptr);
}
cudaError_t cudaMemset2DAsync(void* data, size_t pitch, int value, size_t width, size_t height,
                              cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  if (width > pitch) return refuse(cudaErrorInvalidValue);
  return queue_work(stream, [=] {
    return for_rows(height, [&](size_t row) {
      return set(static_cast<char*>(data) + row * pitch, value, width);
    });
  });
}
cudaError_t cudaMemset2D(void* data, size_t pitch, int value, size_t width, size_t height) {
  return cudaMemset2DAsync(data, pitch, value, width, height, nullptr);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* data) {
  const Lock lock(runtime_mutex());
  *attributes = {};
  attributes->type = cudaMemoryTypeUnregistered;
  attributes->hostPointer = const_cast<void*>(data);
  if (device_memory().contains(data, 1)) {
    attributes->type = cudaMemoryTypeDevice;
    attributes->device = device_memory().device_of(data);
    attributes->devicePointer = attributes->hostPointer;
    attributes->hostPointer = nullptr;
  } else if (visible_to_kernels(data, 1)) {
    attributes->type = cudaMemoryTypeHost;
    attributes->devicePointer = attributes->hostPointer;
  }
  return cudaSuccess;
}

}  // extern "C"
