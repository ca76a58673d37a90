#include "runtime/streams.h"

#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "runtime/device.h"

namespace ptxrun {
namespace {

using Clock = std::chrono::steady_clock;

std::set<cudaStream_t>& streams() {
  static auto* all = new std::set<cudaStream_t>;
  return *all;
}

struct Event {
  std::optional<Clock::time_point> recorded;
  bool timed;
};
std::map<cudaEvent_t, Event>& events() {
  static auto* all = new std::map<cudaEvent_t, Event>;
  return *all;
}

Event* find_event(cudaEvent_t event) {
  const auto found = events().find(event);
  return found == events().end() ? nullptr : &found->second;
}

// A handle that no other object has had.
template <class Handle>
Handle next_handle() {
  static uintptr_t next = 0x1000;
  return reinterpret_cast<Handle>(next += 0x10);
}

cudaError_t bad_event(const char* call) {
  return fail(cudaErrorInvalidResourceHandle, std::string(call) + ": not an event");
}

}  // namespace

cudaError_t require_stream(cudaStream_t stream) {
  if (!stream || stream == cudaStreamLegacy || stream == cudaStreamPerThread ||
      streams().contains(stream))
    return cudaSuccess;
  return fail(cudaErrorInvalidResourceHandle, "not a stream, or one that was destroyed");
}

}  // namespace ptxrun

using namespace ptxrun;

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  *stream = *streams().insert(next_handle<cudaStream_t>()).first;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return cudaStreamCreate(stream);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  return cudaStreamCreate(stream);
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = *greatest = 0;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  return streams().erase(stream) ? cudaSuccess : require_stream(stream ? stream : (cudaStream_t)-1);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  const cudaError_t error = require_stream(stream);
  return error ? error : sticky_error();
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return cudaStreamSynchronize(stream); }

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_stream(stream)) return error;
  return find_event(event) ? sticky_error() : bad_event("cudaStreamWaitEvent");
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  *event = next_handle<cudaEvent_t>();
  events()[*event] = {std::nullopt, !(flags & cudaEventDisableTiming)};
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Lock lock(runtime_mutex());
  return events().erase(event) ? cudaSuccess : bad_event("cudaEventDestroy");
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_stream(stream)) return error;
  Event* found = find_event(event);
  if (!found) return bad_event("cudaEventRecord");
  found->recorded = Clock::now();
  return sticky_error();
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned) {
  return cudaEventRecord(event, stream);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(runtime_mutex());
  return find_event(event) ? sticky_error() : bad_event("cudaEventSynchronize");
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return cudaEventSynchronize(event); }

// Time on the host between the two calls.
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const Lock lock(runtime_mutex());
  const Event *a = find_event(start), *b = find_event(end);
  if (!a || !b || !a->recorded || !b->recorded || !a->timed || !b->timed)
    return bad_event("cudaEventElapsedTime (or not recorded, or without timing)");
  *milliseconds = std::chrono::duration<float, std::milli>(*b->recorded - *a->recorded).count();
  return sticky_error();
}

}  // extern "C"
