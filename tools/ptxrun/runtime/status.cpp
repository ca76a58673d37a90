#include "runtime/status.h"

#include <cstdio>
#include <cstdlib>

namespace ptxrun {
namespace {

cudaError_t g_last = cudaSuccess, g_sticky = cudaSuccess;

}  // namespace

std::recursive_mutex& runtime_mutex() {
  static auto* mutex = new std::recursive_mutex;  // used before and after main
  return *mutex;
}

cudaError_t refuse(cudaError_t error) { return g_last = error; }

cudaError_t fail(cudaError_t error, const std::string& why) {
  fprintf(stderr, "ptxrun: %s\n", why.c_str());
  return refuse(error);
}

cudaError_t kernel_failed(cudaError_t error) { return g_sticky = error; }

cudaError_t sticky_error() { return g_sticky; }

int setting(const char* name, int otherwise) {
  const char* value = getenv(name);
  return value && *value ? atoi(value) : otherwise;
}

}  // namespace ptxrun

using namespace ptxrun;

extern "C" {

cudaError_t cudaGetLastError() {
  const Lock lock(runtime_mutex());
  const cudaError_t error = cudaPeekAtLastError();
  g_last = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() {
  const Lock lock(runtime_mutex());
  return g_sticky ? g_sticky : g_last;
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define PTXRUN_NAME(name) \
  case name: return #name
    PTXRUN_NAME(cudaSuccess);
    PTXRUN_NAME(cudaErrorInvalidValue);
    PTXRUN_NAME(cudaErrorMemoryAllocation);
    PTXRUN_NAME(cudaErrorInvalidConfiguration);
    PTXRUN_NAME(cudaErrorInvalidSymbol);
    PTXRUN_NAME(cudaErrorInsufficientDriver);
    PTXRUN_NAME(cudaErrorInvalidDeviceFunction);
    PTXRUN_NAME(cudaErrorNoDevice);
    PTXRUN_NAME(cudaErrorInvalidDevice);
    PTXRUN_NAME(cudaErrorNoKernelImageForDevice);
    PTXRUN_NAME(cudaErrorInvalidResourceHandle);
    PTXRUN_NAME(cudaErrorSymbolNotFound);
    PTXRUN_NAME(cudaErrorIllegalState);
    PTXRUN_NAME(cudaErrorNotReady);
    PTXRUN_NAME(cudaErrorIllegalAddress);
    PTXRUN_NAME(cudaErrorLaunchOutOfResources);
    PTXRUN_NAME(cudaErrorLaunchFailure);
    PTXRUN_NAME(cudaErrorNotSupported);
    PTXRUN_NAME(cudaErrorStreamCaptureUnsupported);
    PTXRUN_NAME(cudaErrorStreamCaptureInvalidated);
    PTXRUN_NAME(cudaErrorStreamCaptureMerge);
    PTXRUN_NAME(cudaErrorStreamCaptureUnmatched);
    PTXRUN_NAME(cudaErrorStreamCaptureUnjoined);
    PTXRUN_NAME(cudaErrorStreamCaptureIsolation);
    PTXRUN_NAME(cudaErrorStreamCaptureImplicit);
    PTXRUN_NAME(cudaErrorCapturedEvent);
    PTXRUN_NAME(cudaErrorUnknown);
#undef PTXRUN_NAME
    default: return "unrecognized error code";
  }
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorInvalidSymbol: return "invalid device symbol";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorInvalidDeviceFunction: return "invalid device function";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorNoKernelImageForDevice:
      return "no kernel image is available for execution on the device";
    case cudaErrorInvalidResourceHandle: return "invalid resource handle";
    case cudaErrorSymbolNotFound: return "named symbol not found";
    case cudaErrorNotReady: return "device not ready";
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorLaunchOutOfResources: return "too many resources requested for launch";
    case cudaErrorLaunchFailure: return "unspecified launch failure (ptxrun: see stderr)";
    case cudaErrorNotSupported: return "operation not supported";
    case cudaErrorIllegalState: return "the operation cannot be performed in the present state";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureMerge:
      return "operation would result in a merge of separate capture sequences";
    case cudaErrorStreamCaptureUnmatched: return "capture was not initiated in this stream";
    case cudaErrorStreamCaptureUnjoined: return "capturing stream has unjoined work";
    case cudaErrorStreamCaptureIsolation:
      return "dependency created on uncaptured work in another stream";
    case cudaErrorStreamCaptureImplicit:
      return "operation would make the legacy stream depend on a capturing blocking stream";
    case cudaErrorCapturedEvent:
      return "operation not permitted on an event last recorded in a capturing stream";
    case cudaErrorUnknown: return "unknown error";
    default: return cudaGetErrorName(error);
  }
}

}  // extern "C"
