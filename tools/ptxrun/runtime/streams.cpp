#include "runtime/streams.h"

#include <chrono>
#include <optional>

#include "runtime/device.h"

namespace ptxrun {
namespace {

using Clock = std::chrono::steady_clock;

struct Event {
  std::optional<Clock::time_point> recorded;
  bool timed;
  int device;
  CapturePoint at = {};
};
std::map<cudaEvent_t, Event>& events() {
  static auto* all = new std::map<cudaEvent_t, Event>;
  return *all;
}

Event* find_event(cudaEvent_t event) {
  const auto found = events().find(event);
  return found == events().end() ? nullptr : &found->second;
}

cudaError_t bad_event(const char* call) {
  return fail(cudaErrorInvalidResourceHandle, std::string(call) + ": not an event");
}

}  // namespace

std::map<cudaStream_t, Stream>& streams() {
  static auto* all = new std::map<cudaStream_t, Stream>;
  return *all;
}

int stream_device(cudaStream_t stream) {
  const auto found = streams().find(stream);
  return found == streams().end() ? current_device() : found->second.device;
}

uintptr_t next_handle() {
  static uintptr_t next = 0x1000;
  return next += 0x10;
}

cudaError_t require_stream(cudaStream_t stream) {
  if (!stream || stream == cudaStreamLegacy || stream == cudaStreamPerThread ||
      streams().contains(stream))
    return cudaSuccess;
  return fail(cudaErrorInvalidResourceHandle, "not a stream, or one that was destroyed");
}

}  // namespace ptxrun

using namespace ptxrun;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  *stream = reinterpret_cast<cudaStream_t>(next_handle());
  streams()[*stream] = {.blocking = !(flags & cudaStreamNonBlocking), .device = current_device()};
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
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
  if (const cudaError_t error = require_stream(stream)) return error;
  const auto found = streams().find(stream);
  const bool captures = found != streams().end() && found->second.at.capture;
  if (captures) {
    found->second.at.capture->fault = cudaErrorStreamCaptureInvalidated;
    return fail(cudaErrorStreamCaptureUnsupported, "cudaStreamSynchronize: the stream captures");
  }
  return sticky_error();
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return cudaStreamSynchronize(stream); }

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_stream(stream)) return error;
  const Event* found = find_event(event);
  if (!found) return bad_event("cudaStreamWaitEvent");
  CapturePoint none;
  const auto waiting = streams().find(stream);
  if (const cudaError_t error =
          join_capture(waiting == streams().end() ? none : waiting->second.at, found->at))
    return error;
  if (none.capture)
    return fail(cudaErrorStreamCaptureImplicit, "the default stream cannot capture");
  return sticky_error();
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_device()) return error;
  *event = reinterpret_cast<cudaEvent_t>(next_handle());
  events()[*event] = {std::nullopt, !(flags & cudaEventDisableTiming), current_device()};
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
  if (found->device != stream_device(stream))
    return fail(cudaErrorInvalidResourceHandle,
                "cudaEventRecord: the event and the stream are of two devices");
  const auto recording = streams().find(stream);
  found->at = recording == streams().end() ? CapturePoint{} : recording->second.at;
  if (!found->at.capture) found->recorded = Clock::now();
  return sticky_error();
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned) {
  return cudaEventRecord(event, stream);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(runtime_mutex());
  const Event* found = find_event(event);
  if (!found) return bad_event("cudaEventSynchronize");
  if (found->at.capture)
    return fail(cudaErrorCapturedEvent, "cudaEventSynchronize: recorded in a capture");
  return sticky_error();
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return cudaEventSynchronize(event); }

// Time on the host between the two calls.
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const Lock lock(runtime_mutex());
  const Event *a = find_event(start), *b = find_event(end);
  if (!a || !b || !a->recorded || !b->recorded || !a->timed || !b->timed)
    return bad_event("cudaEventElapsedTime (or not recorded, or without timing)");
  if (a->device != b->device)
    return fail(cudaErrorInvalidResourceHandle,
                "cudaEventElapsedTime: the events are of two devices");
  *milliseconds = std::chrono::duration<float, std::milli>(*b->recorded - *a->recorded).count();
  return sticky_error();
}

}  // extern "C"
