#include "kernels/base/cuda/runtime.h"

#include <cstdio>

#include "kernels/base/cuda/check.h"

namespace sf::cuda {
namespace {

thread_local char left_error[256] = "";

cudaStream_t native(const Queue& queue) { return static_cast<cudaStream_t>(queue.native); }

std::string describe_device(int device) {
  cudaDeviceProp p;
  SF_CUDA(cudaGetDeviceProperties(&p, device));
  char memory[32];
  std::snprintf(memory, sizeof memory, "%.1f GiB", double(p.totalGlobalMem) / double(1 << 30));
  return cat("cuda:", device, " ", p.name, ", sm_", p.major, p.minor, ", ", p.multiProcessorCount,
             " multiprocessors, ", memory);
}

}  // namespace

int device_count() {
  static const int count = [] {
    int found = 0;
    if (cudaGetDeviceCount(&found) == cudaSuccess) return found;
    cudaGetLastError();  // asked for, not a failure
    return 0;
  }();
  return count;
}

int current_device() noexcept {
  int device = 0;
  if (device_count() == 0 || cudaGetDevice(&device) != cudaSuccess) return -1;
  return device;
}

std::string device_name(int device) {
  cudaDeviceProp p;
  SF_CUDA(cudaGetDeviceProperties(&p, device));
  return p.name;
}

Properties properties(int device) {
  cudaDeviceProp p;
  SF_CUDA(cudaGetDeviceProperties(&p, device));
  const auto attribute = [&](cudaDeviceAttr which) {
    int value = 0;
    SF_CUDA(cudaDeviceGetAttribute(&value, which, device));
    return value;
  };
  return {.name = p.name,
          .major = p.major,
          .minor = p.minor,
          .multiprocessors = p.multiProcessorCount,
          .clock = attribute(cudaDevAttrClockRate) * 1e3,
          .memory_clock = attribute(cudaDevAttrMemoryClockRate) * 1e3,
          .memory_bits = attribute(cudaDevAttrGlobalMemoryBusWidth)};
}

std::string describe_devices() {
  std::string text;
  for (int device = 0; device < device_count(); ++device)
    text += (device ? "; " : "") + describe_device(device);
  if (!text.empty()) return text;
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  const auto version = [](int v) { return cat(v / 1000, ".", v % 1000 / 10); };
  if (driver == 0) return "built in, but this machine has no driver";
  if (driver < runtime)
    return cat("built in for CUDA ", version(runtime), ", but the driver has ", version(driver));
  return "built in, but the driver finds no device";
}

DeviceScope::DeviceScope(std::optional<int> device) {
  if (!device) return;
  SF_CHECK(*device < device_count(), "cuda: wanted device ", *device, ", found ",
           device_count() ? cat(device_count(), " devices") : describe_devices());
  int before = 0;
  SF_CUDA(cudaGetDevice(&before));
  SF_CUDA(cudaSetDevice(*device));
  before_ = before;
}

DeviceScope::~DeviceScope() {
  if (before_) cudaSetDevice(*before_);
}

void* allocate(int device, size_t bytes) {
  const DeviceScope scope(device);
  void* data = nullptr;
  const cudaError_t error = cudaMalloc(&data, bytes);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t free = 0, total = 0;
    SF_CUDA(cudaMemGetInfo(&free, &total));
    throw Error(cat("memory: could not allocate ", bytes, " bytes on cuda:", device, ", which has ",
                    free, " free"));
  }
  check(error, "cudaMalloc");
  return data;
}

void release(void* data) noexcept { cudaFree(data); }

void* allocate_pinned(size_t bytes) {
  void* data = nullptr;
  SF_CUDA(cudaMallocHost(&data, bytes));
  return data;
}

void release_pinned(void* data) noexcept { cudaFreeHost(data); }

void copy(void* to, const void* from, size_t bytes) {
  SF_CUDA(cudaMemcpy(to, from, bytes, cudaMemcpyDefault));
}

void copy_rows(void* to, const void* from, const RowCopy& r) {
  SF_CUDA(cudaMemcpy2D(to, r.to_pitch, from, r.from_pitch, r.bytes, r.rows, cudaMemcpyDefault));
}

void fill(void* data, unsigned char byte, size_t bytes) { SF_CUDA(cudaMemset(data, byte, bytes)); }

void synchronize(Queue queue) {
  if (queue.backend == Backend::cuda) SF_CUDA(cudaStreamSynchronize(native(queue)));
}

Stream::Stream(int device, Order order) : device_(device) {
  const DeviceScope scope(device);
  cudaStream_t stream = nullptr;
  SF_CUDA(cudaStreamCreateWithFlags(
      &stream, order == Order::apart ? cudaStreamNonBlocking : cudaStreamDefault));
  native_ = stream;
}

Stream::~Stream() { cudaStreamDestroy(static_cast<cudaStream_t>(native_)); }

void Stream::wait_for(const Event& event) const {
  SF_CUDA(cudaStreamWaitEvent(native(queue()), static_cast<cudaEvent_t>(event.native_), 0));
}

void Stream::copy(void* to, const void* from, size_t bytes) const {
  SF_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, native(queue())));
}

void Stream::copy_rows(void* to, const void* from, const RowCopy& r) const {
  SF_CUDA(cudaMemcpy2DAsync(to, r.to_pitch, from, r.from_pitch, r.bytes, r.rows, cudaMemcpyDefault,
                            native(queue())));
}

void Stream::synchronize() const { SF_CUDA(cudaStreamSynchronize(native(queue()))); }

Event::Event(int device) {
  const DeviceScope scope(device);
  cudaEvent_t event = nullptr;
  SF_CUDA(cudaEventCreate(&event));
  native_ = event;
}

Event::~Event() { cudaEventDestroy(static_cast<cudaEvent_t>(native_)); }

void Event::record(const Stream& stream) {
  const DeviceScope scope(stream.device());
  record(stream.queue());
}

void Event::record(Queue queue) {
  SF_CUDA(cudaEventRecord(static_cast<cudaEvent_t>(native_), native(queue)));
}

void Event::synchronize() const {
  SF_CUDA(cudaEventSynchronize(static_cast<cudaEvent_t>(native_)));
}

float Event::milliseconds(const Event& start, const Event& end) {
  end.synchronize();
  float elapsed = 0;
  SF_CUDA(cudaEventElapsedTime(&elapsed, static_cast<cudaEvent_t>(start.native_),
                               static_cast<cudaEvent_t>(end.native_)));
  return elapsed;
}

void leave_error(std::string_view library, std::string_view reason) noexcept {
  std::snprintf(left_error, sizeof left_error, "%.*s: %.*s", int(library.size()), library.data(),
                int(reason.size()), reason.data());
}

namespace {

// What a stream records while f runs.
cudaGraph_t capture(cudaStream_t stream, const std::function<void()>& f) {
  cudaGraph_t graph = nullptr;
  SF_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  try {
    f();
  } catch (...) {
    cudaStreamEndCapture(stream, &graph);
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();  // what was thrown says more
    throw;
  }
  SF_CUDA(cudaStreamEndCapture(stream, &graph));
  return graph;
}

}  // namespace

Graph::Graph(const Stream& stream, const std::function<void()>& queue_work) {
  const DeviceScope scope(stream.device());
  cudaGraph_t graph = capture(native(stream.queue()), queue_work);
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(error, "cudaGraphInstantiate");
  native_ = executable;
}

Graph::~Graph() { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(native_)); }

void Graph::launch(const Stream& stream) const {
  const DeviceScope scope(stream.device());
  SF_CUDA(cudaGraphLaunch(static_cast<cudaGraphExec_t>(native_), native(stream.queue())));
}

void check_launches(std::string_view step) {
  const cudaError_t error = cudaGetLastError();
  if (left_error[0]) {
    const std::string reason = left_error;
    left_error[0] = 0;
    throw Error(cat(step, ": ", reason));
  }
  SF_CHECK(error == cudaSuccess, step, ": cuda: ", cudaGetErrorString(error));
}

}  // namespace sf::cuda
