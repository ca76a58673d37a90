// Launches, and what is known about a kernel before one.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <vector>

#include "device/demangle.h"
#include "runtime/device.h"
#include "runtime/device_memory.h"
#include "runtime/modules.h"
#include "runtime/streams.h"

namespace ptxrun {
namespace {

constexpr int kMaxParameters = 256;
uint64_t g_launches, g_errors;

struct Configuration {
  dim3 grid, block;
  size_t dynamic_shared;
  cudaStream_t stream;
  int device = current_device();
};

std::string text(const dim3& d) {
  std::string out = "(";
  out.append(std::to_string(d.x)).append(",").append(std::to_string(d.y)).append(",");
  return out.append(std::to_string(d.z)).append(")");
}

bool valid(const dim3& grid, const dim3& block) {
  constexpr unsigned kMaxYZ = 65535, kMaxBlockZ = 64;
  return grid.x && grid.y && grid.z && block.x && block.y && block.z && grid.x <= INT32_MAX &&
         grid.y <= kMaxYZ && grid.z <= kMaxYZ && block.z <= kMaxBlockZ &&
         uint64_t(block.x) * block.y * block.z <= kMaxThreads;
}

cudaError_t check(const Function& f, const Configuration& c, const KernelAttributes& attributes) {
  const std::string where = demangled(f.name.c_str()) + "<<<" + text(c.grid) + "," + text(c.block) +
                            "," + std::to_string(c.dynamic_shared) + ">>>: ";
  if (!valid(c.grid, c.block))
    return fail(cudaErrorInvalidConfiguration, where + "the device has no such grid or block");
  if (c.block.x * c.block.y * c.block.z > attributes.max_threads)
    return fail(cudaErrorInvalidValue, where + "the kernel was built for at most " +
                                           std::to_string(attributes.max_threads) + " threads");
  if ((int64_t)c.dynamic_shared > f.max_dynamic_shared_of(c.device))
    return fail(cudaErrorInvalidValue, where +
                                           "more shared memory than cudaFuncSetAttribute "
                                           "allowed (" +
                                           std::to_string(f.max_dynamic_shared_of(c.device)) + ")");
  if (attributes.static_shared + c.dynamic_shared > (size_t)shared_optin_bytes())
    return fail(cudaErrorInvalidValue, where + "more shared memory than the device has");
  return cudaSuccess;
}

// The parameter buffer of a launch, from pointers to the arguments.
std::vector<uint64_t> gather(const ModuleFunctions& module, const char* kernel, void** arguments) {
  uint32_t offset[kMaxParameters], size[kMaxParameters];
  const int count = module.parameters(kernel, offset, size, nullptr, kMaxParameters);
  const size_t bytes = count ? offset[count - 1] + size[count - 1] : 0;
  std::vector<uint64_t> buffer(bytes / 8 + 2);
  for (int i = 0; i < count; ++i)
    memcpy(reinterpret_cast<char*>(buffer.data()) + offset[i], arguments[i], size[i]);
  return buffer;
}

// Of other devices' memory a kernel sees nothing, since nobody lets it: cudaDeviceEnablePeerAccess
// is not there.
void register_buffers(const ModuleFunctions& module, int device) {
  module.clear_buffers();
  device_memory().for_each(device, [&](void* data, size_t bytes) {
    module.add_buffer(data, bytes, /*read_only=*/false);
  });
  for (const auto& [address, bytes] : mapped_host_memory())
    module.add_buffer(reinterpret_cast<void*>(address), bytes, /*read_only=*/false);
}

cudaError_t run(const Function& f, const Configuration& c, const ModuleFunctions& module,
                const std::vector<uint64_t>& parameters) {
  if (const cudaError_t error = sticky_error()) return error;
  const char* name = f.name.c_str();
  const LaunchOptions options{{c.grid.x, c.grid.y, c.grid.z}, {c.block.x, c.block.y, c.block.z},
                              (uint32_t)c.dynamic_shared,     setting("PTXRUN_CHECK", 2),
                              setting("PTXRUN_ORDER", 0),     setting("PTXRUN_THREADS", 1)};
  LaunchStats stats{};
  const DeviceAccess access;
  register_buffers(module, c.device);
  const bool failed = module.launch(name, &options, parameters.data(), &stats);
  ++g_launches;
  g_errors += stats.errors;
  if (setting("PTXRUN_VERBOSE", 0))
    fprintf(stderr, "ptxrun: %s<<<%s,%s,%zu>>> %llu warp instructions, %.4f s, %llu errors\n",
            demangled(name).c_str(), text(c.grid).c_str(), text(c.block).c_str(), c.dynamic_shared,
            (unsigned long long)stats.warp_instructions, stats.seconds,
            (unsigned long long)stats.errors);
  return failed ? kernel_failed(cudaErrorLaunchFailure) : cudaSuccess;
}

cudaError_t launch(Function* f, const Configuration& c, void** arguments) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  if (const cudaError_t error = sticky_error()) return error;
  if (!f) return fail(cudaErrorInvalidDeviceFunction, "launch of a kernel that is not registered");
  if (const cudaError_t error = require_stream(c.stream)) return error;
  if (stream_device(c.stream) != c.device)
    return fail(cudaErrorInvalidResourceHandle,
                f->name + ": launched on a stream of another device than the thread's");
  const ModuleFunctions* module = f->module->functions();
  if (!module) return refuse(cudaErrorNoKernelImageForDevice);
  const char* name = f->name.c_str();
  KernelAttributes attributes;
  if (!module->attributes(name, &attributes))
    return fail(cudaErrorInvalidDeviceFunction, f->name + " was not translated");
  if (const cudaError_t error = check(*f, c, attributes)) return error;

  return queue_work(c.stream, [f, c, module, parameters = gather(*module, name, arguments)] {
    return run(*f, c, *module, parameters);
  });
}

std::vector<Configuration>& pushed() {
  static thread_local std::vector<Configuration> all;
  return all;
}

[[gnu::destructor]] void say_what_failed() {
  if (g_errors)
    fprintf(stderr, "ptxrun: %llu errors in %llu launches\n", (unsigned long long)g_errors,
            (unsigned long long)g_launches);
}

}  // namespace
}  // namespace ptxrun

using namespace ptxrun;

extern "C" {

// What nvcc makes of a launch in angle brackets: its configuration is pushed, then the kernel's
// host function pops it.
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, CUstream_st* stream) {
  pushed().push_back({grid, block, shared, stream});
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  if (pushed().empty()) return refuse(cudaErrorUnknown);
  const Configuration c = pushed().back();
  pushed().pop_back();
  *grid = c.grid;
  *block = c.block;
  *shared = c.dynamic_shared;
  *static_cast<cudaStream_t*>(stream) = c.stream;
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host_function) {
  const Lock lock(runtime_mutex());
  *kernel = reinterpret_cast<cudaKernel_t>(find_function(host_function));
  return *kernel ? cudaSuccess : refuse(cudaErrorInvalidDeviceFunction);
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               size_t shared, cudaStream_t stream) {
  return launch(reinterpret_cast<Function*>(kernel), {grid, block, shared, stream}, arguments);
}

cudaError_t cudaLaunchKernel(const void* host_function, dim3 grid, dim3 block, void** arguments,
                             size_t shared, cudaStream_t stream) {
  return launch(find_function(host_function), {grid, block, shared, stream}, arguments);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* host_function,
                                void** arguments) {
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config->attrs[i];
    const auto& cluster = attribute.val.clusterDim;
    switch (attribute.id) {
      case cudaLaunchAttributeIgnore:
      case cudaLaunchAttributePriority:
      case cudaLaunchAttributeProgrammaticStreamSerialization: break;
      case cudaLaunchAttributeClusterDimension:
        if (cluster.x * cluster.y * cluster.z == 1) break;
        return fail(cudaErrorNotSupported, "clusters of more than one CTA are not supported");
      case cudaLaunchAttributeCooperative:
        if (!attribute.val.cooperative) break;
        [[fallthrough]];
      default:
        return fail(cudaErrorNotSupported,
                    "launch attribute " + std::to_string(attribute.id) + " is not supported");
    }
  }
  return launch(find_function(host_function),
                {config->gridDim, config->blockDim, config->dynamicSmemBytes, config->stream},
                arguments);
}

cudaError_t cudaFuncSetAttribute(const void* host_function, cudaFuncAttribute attribute,
                                 int value) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  Function* f = find_function(host_function);
  if (!f) return refuse(cudaErrorInvalidDeviceFunction);
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;  // a hint
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
    return fail(cudaErrorNotSupported,
                "cudaFuncSetAttribute: attribute " + std::to_string(attribute) + " is not known");
  if (value < 0 || value > shared_optin_bytes())
    return fail(cudaErrorInvalidValue,
                f->name + ": wanted at most " + std::to_string(shared_optin_bytes()) +
                    " bytes of shared memory, found " + std::to_string(value));
  f->max_dynamic_shared[current_device()] = value;
  return cudaSuccess;
}

cudaError_t cudaFuncSetCacheConfig(const void*, cudaFuncCache) { return cudaSuccess; }  // a hint

// Registers are unknown, since PTX has not been assembled: numRegs is 0.
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* host_function) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  const Function* f = find_function(host_function);
  const ModuleFunctions* module = f ? f->module->functions() : nullptr;
  KernelAttributes found;
  if (!module || !module->attributes(f->name.c_str(), &found))
    return refuse(cudaErrorInvalidDeviceFunction);
  *attributes = {};
  attributes->sharedSizeBytes = found.static_shared;
  attributes->localSizeBytes = found.local;
  attributes->maxThreadsPerBlock = (int)found.max_threads;
  attributes->maxDynamicSharedSizeBytes = f->max_dynamic_shared_of(current_device());
  attributes->ptxVersion = attributes->binaryVersion = compute_capability();
  return cudaSuccess;
}

// From threads and shared memory alone: registers may allow fewer blocks.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* host_function,
                                                          int threads, size_t dynamic_shared) {
  const Lock lock(runtime_mutex());
  cudaFuncAttributes attributes;
  if (const cudaError_t error = cudaFuncGetAttributes(&attributes, host_function)) return error;
  if (threads < 1) return refuse(cudaErrorInvalidValue);
  if (threads > attributes.maxThreadsPerBlock ||
      (int64_t)dynamic_shared > attributes.maxDynamicSharedSizeBytes) {
    *blocks = 0;
    return cudaSuccess;
  }
  constexpr int kMaxBlocks = 32, kReserved = 1024;
  const int by_threads = kMaxThreadsPerMultiprocessor / ((threads + 31) / 32 * 32);
  const size_t shared = attributes.sharedSizeBytes + dynamic_shared + kReserved;
  *blocks = std::min({kMaxBlocks, by_threads, (int)(shared_multiprocessor_bytes() / shared)});
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int* blocks, const void* host_function, int threads, size_t dynamic_shared, unsigned) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, host_function, threads,
                                                       dynamic_shared);
}
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void* host_function,
                                           const cudaLaunchConfig_t* config) {
  int blocks = 0;
  const dim3 block = config->blockDim;
  const cudaError_t error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &blocks, host_function, (int)(block.x * block.y * block.z), config->dynamicSmemBytes);
  *clusters = blocks * multiprocessors();  // of one CTA each
  return error;
}

}  // extern "C"
