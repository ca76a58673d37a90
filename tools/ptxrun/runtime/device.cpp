#include "runtime/device.h"

#include <cstring>

#include "runtime/capture.h"
#include "runtime/device_memory.h"

namespace ptxrun {
namespace {

constexpr int kVersion = CUDART_VERSION;
constexpr int kMaxGridYZ = 65535;

int shown_capability() { return setting("PTXRUN_SM", compute_capability() >= 90 ? 90 : 80); }

cudaDeviceProp properties() {
  cudaDeviceProp p{};
  strcpy(p.name, "ptxrun");
  p.major = shown_capability() / 10;
  p.minor = shown_capability() % 10;
  p.multiProcessorCount = multiprocessors();
  p.warpSize = 32;
  p.maxThreadsPerBlock = kMaxThreads;
  p.maxThreadsPerMultiProcessor = kMaxThreadsPerMultiprocessor;
  p.maxBlocksPerMultiProcessor = 32;
  p.sharedMemPerBlock = kSharedBytes;
  p.sharedMemPerBlockOptin = shared_optin_bytes();
  p.sharedMemPerMultiprocessor = shared_multiprocessor_bytes();
  p.reservedSharedMemPerBlock = 1024;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.totalGlobalMem = memory_limit();
  p.totalConstMem = 65536;
  p.l2CacheSize = 40 << 20;
  p.maxGridSize[0] = INT32_MAX;
  p.maxGridSize[1] = p.maxGridSize[2] = kMaxGridYZ;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = kMaxThreads;
  p.maxThreadsDim[2] = 64;
  p.concurrentKernels = 1;
  p.asyncEngineCount = 1;
  p.unifiedAddressing = 1;
  p.memoryPoolsSupported = 1;
  return p;
}

thread_local int t_device = 0;

cudaError_t require_device(int device) {
  if (const cudaError_t error = ptxrun::require_device()) return error;
  return device >= 0 && device < device_count() ? cudaSuccess : refuse(cudaErrorInvalidDevice);
}

}  // namespace

int device_count() { return setting("PTXRUN_DEVICES", 1); }
cudaError_t require_device() {
  return device_count() > 0 ? cudaSuccess : refuse(cudaErrorInsufficientDriver);
}
int current_device() { return t_device; }
size_t memory_limit() { return (size_t)setting("PTXRUN_MEMORY_MB", 8192) << 20; }
int multiprocessors() { return setting("PTXRUN_SMS", 4); }
int shared_optin_bytes() { return shown_capability() >= 90 ? 227 << 10 : 163 << 10; }
int shared_multiprocessor_bytes() { return shown_capability() >= 90 ? 228 << 10 : 164 << 10; }

}  // namespace ptxrun

using namespace ptxrun;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  const Lock lock(runtime_mutex());
  *count = 0;
  if (const cudaError_t error = require_device()) return error;
  *count = device_count();
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  const Lock lock(runtime_mutex());
  *device = current_device();
  return require_device();
}

cudaError_t cudaSetDevice(int device) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device(device)) return error;
  t_device = device;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device(device)) return error;
  *p = properties();
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device(device)) return error;
  const cudaDeviceProp p = properties();
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount: *value = p.multiProcessorCount; break;
    case cudaDevAttrComputeCapabilityMajor: *value = p.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = p.minor; break;
    case cudaDevAttrWarpSize: *value = p.warpSize; break;
    case cudaDevAttrMaxThreadsPerBlock: *value = p.maxThreadsPerBlock; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *value = p.maxThreadsPerMultiProcessor; break;
    case cudaDevAttrMaxBlocksPerMultiprocessor: *value = p.maxBlocksPerMultiProcessor; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = (int)p.sharedMemPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = (int)p.sharedMemPerBlockOptin; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = (int)p.sharedMemPerMultiprocessor;
      break;
    case cudaDevAttrReservedSharedMemoryPerBlock: *value = (int)p.reservedSharedMemPerBlock; break;
    case cudaDevAttrMaxRegistersPerBlock: *value = p.regsPerBlock; break;
    case cudaDevAttrMaxRegistersPerMultiprocessor: *value = p.regsPerMultiprocessor; break;
    case cudaDevAttrMaxGridDimX: *value = p.maxGridSize[0]; break;
    case cudaDevAttrMaxGridDimY: *value = p.maxGridSize[1]; break;
    case cudaDevAttrMaxGridDimZ: *value = p.maxGridSize[2]; break;
    case cudaDevAttrL2CacheSize: *value = p.l2CacheSize; break;
    case cudaDevAttrConcurrentKernels: *value = p.concurrentKernels; break;
    case cudaDevAttrMemoryPoolsSupported: *value = p.memoryPoolsSupported; break;
    case cudaDevAttrUnifiedAddressing: *value = p.unifiedAddressing; break;
    case cudaDevAttrClockRate:  // of which there are none
    case cudaDevAttrMemoryClockRate:
    case cudaDevAttrGlobalMemoryBusWidth:
    case cudaDevAttrClusterLaunch:
    case cudaDevAttrCooperativeLaunch:
    case cudaDevAttrConcurrentManagedAccess: *value = 0; break;
    default:
      return fail(cudaErrorNotSupported, "cudaDeviceGetAttribute: attribute " +
                                             std::to_string(attribute) + " is not known");
  }
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  if (const cudaError_t error = forbid_in_capture("cudaDeviceSynchronize")) return error;
  return sticky_error();
}

cudaError_t cudaDeviceReset() {
  return fail(cudaErrorNotSupported, "cudaDeviceReset is not supported");
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  *total = memory_limit();
  *free = *total - device_memory().used();
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = device_count() > 0 ? kVersion : 0;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}

// Hints.
cudaError_t cudaSetDeviceFlags(unsigned) { return cudaSuccess; }
cudaError_t cudaProfilerStart() { return cudaSuccess; }
cudaError_t cudaProfilerStop() { return cudaSuccess; }

cudaError_t cudaDeviceSetLimit(cudaLimit limit, size_t) {
  if (limit == cudaLimitStackSize || limit == cudaLimitPrintfFifoSize) return cudaSuccess;
  return fail(cudaErrorNotSupported,
              "cudaDeviceSetLimit: limit " + std::to_string(limit) + " is not known");
}

}  // extern "C"
