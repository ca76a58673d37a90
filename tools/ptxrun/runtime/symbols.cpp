// __device__ and __constant__ variables.
#include <cstring>

#include "runtime/device_memory.h"
#include "runtime/modules.h"
#include "runtime/streams.h"

using namespace ptxrun;

namespace {

// The variable's memory from `offset` on; null, with the error noted, if `bytes` do not fit.
char* symbol_memory(const void* symbol, size_t offset, size_t bytes) {
  const Variable variable = find_variable(symbol);
  if (variable.data && offset + bytes <= variable.size) return variable.data + offset;
  fail(cudaErrorInvalidSymbol, "no such device variable, or beyond its end");
  return nullptr;
}

}  // namespace

extern "C" {

cudaError_t cudaMemcpyToSymbol(const void* symbol, const void* from, size_t bytes, size_t offset,
                               cudaMemcpyKind) {
  const Lock lock(runtime_mutex());
  char* to = symbol_memory(symbol, offset, bytes);
  if (!to) return cudaErrorInvalidSymbol;
  const DeviceAccess access;
  memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyFromSymbol(void* to, const void* symbol, size_t bytes, size_t offset,
                                 cudaMemcpyKind) {
  const Lock lock(runtime_mutex());
  const char* from = symbol_memory(symbol, offset, bytes);
  if (!from) return cudaErrorInvalidSymbol;
  const DeviceAccess access;
  memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyToSymbolAsync(const void* symbol, const void* from, size_t bytes,
                                    size_t offset, cudaMemcpyKind kind, cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  return queue_work(stream, [=] { return cudaMemcpyToSymbol(symbol, from, bytes, offset, kind); });
}
cudaError_t cudaMemcpyFromSymbolAsync(void* to, const void* symbol, size_t bytes, size_t offset,
                                      cudaMemcpyKind kind, cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  return queue_work(stream, [=] { return cudaMemcpyFromSymbol(to, symbol, bytes, offset, kind); });
}

cudaError_t cudaGetSymbolAddress(void** address, const void* symbol) {
  const Lock lock(runtime_mutex());
  *address = symbol_memory(symbol, 0, 0);
  return *address ? cudaSuccess : cudaErrorInvalidSymbol;
}
cudaError_t cudaGetSymbolSize(size_t* size, const void* symbol) {
  const Lock lock(runtime_mutex());
  const Variable variable = find_variable(symbol);
  *size = variable.size;
  return variable.data ? cudaSuccess : fail(cudaErrorInvalidSymbol, "no such device variable");
}

}  // extern "C"
