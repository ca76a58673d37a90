// The device's default memory pool, which cudaMallocAsync takes from. Freed memory is reused at
// once and never held back, so thresholds and trimming change nothing.
#include <cstdint>

#include "runtime/device.h"
#include "runtime/device_memory.h"

using namespace ptxrun;

namespace {

cudaMemPool_t default_pool() { return reinterpret_cast<cudaMemPool_t>(0x70); }
uint64_t g_release_threshold;

cudaError_t require_pool(cudaMemPool_t pool) {
  if (pool == default_pool()) return cudaSuccess;
  return fail(cudaErrorInvalidValue, "only the default memory pool is supported");
}

}  // namespace

extern "C" {

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count)) return error;
  if (device < 0 || device >= count) return refuse(cudaErrorInvalidDevice);
  *pool = default_pool();
  return cudaSuccess;
}
cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int device) {
  return cudaDeviceGetDefaultMemPool(pool, device);
}

cudaError_t cudaMallocFromPoolAsync(void** data, size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  if (const cudaError_t error = require_pool(pool)) return error;
  return cudaMallocAsync(data, bytes, stream);
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t) { return require_pool(pool); }

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_pool(pool)) return error;
  switch (attribute) {
    case cudaMemPoolAttrReleaseThreshold:
      g_release_threshold = *static_cast<uint64_t*>(value);
      return cudaSuccess;
    case cudaMemPoolReuseFollowEventDependencies:
    case cudaMemPoolReuseAllowOpportunistic:
    case cudaMemPoolReuseAllowInternalDependencies: return cudaSuccess;  // hints
    default:
      return fail(cudaErrorNotSupported, "cudaMemPoolSetAttribute: attribute " +
                                             std::to_string(attribute) + " is not known");
  }
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_pool(pool)) return error;
  auto* bytes = static_cast<uint64_t*>(value);
  switch (attribute) {
    case cudaMemPoolAttrReleaseThreshold: *bytes = g_release_threshold; return cudaSuccess;
    case cudaMemPoolAttrUsedMemCurrent:
    case cudaMemPoolAttrReservedMemCurrent: *bytes = device_memory().used(); return cudaSuccess;
    case cudaMemPoolAttrUsedMemHigh:
    case cudaMemPoolAttrReservedMemHigh: *bytes = device_memory().used_high(); return cudaSuccess;
    default:
      return fail(cudaErrorNotSupported, "cudaMemPoolGetAttribute: attribute " +
                                             std::to_string(attribute) + " is not known");
  }
}

}  // extern "C"
