#include "runtime/capture.h"

#include <algorithm>
#include <random>

#include "runtime/device.h"
#include "runtime/streams.h"

namespace ptxrun {
namespace {

cudaError_t spoil(Capture& capture, cudaError_t error, const std::string& why) {
  capture.fault = cudaErrorStreamCaptureInvalidated;
  return fail(error, why);
}

cudaError_t record(CapturePoint& at, std::function<cudaError_t()> work) {
  at.capture->nodes.push_back({std::move(work), std::move(at.after)});
  at.after = {at.capture->nodes.size() - 1};
  return cudaSuccess;
}

// Whether the nodes, and all that they follow, are the whole capture.
bool joined(const Capture& capture, std::set<size_t> last) {
  std::vector<bool> reached(capture.nodes.size());
  for (size_t i = capture.nodes.size(); i-- > 0;) {
    reached[i] = last.contains(i);
    if (reached[i]) last.insert(capture.nodes[i].after.begin(), capture.nodes[i].after.end());
  }
  return std::ranges::all_of(reached, [](bool r) { return r; });
}

struct Graph {
  std::vector<Node> nodes;
};
template <class Handle>
std::map<Handle, std::shared_ptr<Graph>>& all() {
  static auto* graphs = new std::map<Handle, std::shared_ptr<Graph>>;
  return *graphs;
}
template <class Handle>
Handle keep(const std::shared_ptr<Graph>& graph) {
  const auto handle = reinterpret_cast<Handle>(next_handle());
  all<Handle>()[handle] = graph;
  return handle;
}
template <class Handle>
std::shared_ptr<Graph> find(Handle handle) {
  const auto found = all<Handle>().find(handle);
  return found == all<Handle>().end() ? nullptr : found->second;
}

cudaError_t bad_graph(const char* call) {
  return fail(cudaErrorInvalidResourceHandle, std::string(call) + ": not a graph");
}

}  // namespace

cudaError_t queue_work(cudaStream_t stream, std::function<cudaError_t()> work) {
  if (const cudaError_t error = require_stream(stream)) return error;
  if (const auto found = streams().find(stream); found != streams().end())
    return found->second.at.capture ? record(found->second.at, std::move(work)) : work();
  for (auto& [other, state] : streams())
    if (state.blocking && state.at.capture && state.device == current_device())
      return spoil(*state.at.capture, cudaErrorStreamCaptureImplicit,
                   "work on the default stream while a stream that waits for it captures");
  return work();
}

cudaError_t forbid_in_capture(const char* call) {
  for (auto& [stream, state] : streams())
    if (state.at.capture && !state.at.capture->relaxed)
      return spoil(*state.at.capture, cudaErrorStreamCaptureUnsupported,
                   std::string(call) + ": a stream captures");
  return cudaSuccess;
}

cudaError_t join_capture(CapturePoint& stream, const CapturePoint& event) {
  if (!stream.capture && !event.capture) return cudaSuccess;
  if (!event.capture)
    return spoil(*stream.capture, cudaErrorStreamCaptureIsolation,
                 "a stream that captures waits for an event of before");
  if (event.capture->ended)
    return fail(cudaErrorCapturedEvent, "the event was recorded in a capture that has ended");
  if (stream.capture && stream.capture != event.capture)
    return spoil(*stream.capture, cudaErrorStreamCaptureMerge, "two captures wait for each other");
  stream.capture = event.capture;
  stream.after.insert(event.after.begin(), event.after.end());
  return cudaSuccess;
}

cudaError_t run_nodes(const std::vector<Node>& nodes) {
  const int order = setting("PTXRUN_ORDER", 0);
  std::mt19937 random{unsigned(order)};
  std::vector<size_t> waiting(nodes.size());
  std::vector<std::vector<size_t>> followers(nodes.size());
  std::vector<size_t> ready;  // ascending
  for (size_t i = 0; i < nodes.size(); ++i) {
    waiting[i] = nodes[i].after.size();
    for (size_t before : nodes[i].after) followers[before].push_back(i);
    if (waiting[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    const size_t at = order == 0 ? 0 : order == 1 ? ready.size() - 1 : random() % ready.size();
    const size_t node = ready[at];
    ready.erase(ready.begin() + int64_t(at));
    if (const cudaError_t error = nodes[node].work()) return error;
    for (size_t next : followers[node])
      if (--waiting[next] == 0) ready.insert(std::ranges::upper_bound(ready, next), next);
  }
  return cudaSuccess;
}

}  // namespace ptxrun

using namespace ptxrun;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = sticky_error()) return error;
  if (const cudaError_t error = require_stream(stream)) return error;
  const auto found = streams().find(stream);
  if (found == streams().end())
    return fail(cudaErrorStreamCaptureUnsupported, "the default stream cannot capture");
  if (found->second.at.capture)
    return fail(cudaErrorIllegalState, "cudaStreamBeginCapture: the stream captures already");
  const bool relaxed = mode == cudaStreamCaptureModeRelaxed;
  found->second.at.capture = std::make_shared<Capture>(stream, relaxed);
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = require_stream(stream)) return error;
  const auto found = streams().find(stream);
  const auto capture = found == streams().end() ? nullptr : found->second.at.capture;
  *status = !capture          ? cudaStreamCaptureStatusNone
            : !capture->fault ? cudaStreamCaptureStatusActive
                              : cudaStreamCaptureStatusInvalidated;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(runtime_mutex());
  *graph = nullptr;
  const auto found = streams().find(stream);
  if (found == streams().end() || !found->second.at.capture)
    return fail(cudaErrorIllegalState, "cudaStreamEndCapture: the stream does not capture");
  const CapturePoint end = found->second.at;
  Capture& capture = *end.capture;
  if (capture.origin != stream)
    return spoil(capture, cudaErrorStreamCaptureUnmatched,
                 "cudaStreamEndCapture: the capture began on another stream");
  capture.ended = true;
  for (auto& [other, state] : streams())
    if (state.at.capture == end.capture) state.at = {};
  if (capture.fault) return refuse(capture.fault);
  if (!joined(capture, end.after))
    return fail(cudaErrorStreamCaptureUnjoined,
                "cudaStreamEndCapture: the stream did not wait for all the others");
  *graph = keep<cudaGraph_t>(std::make_shared<Graph>(std::move(capture.nodes)));
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Lock lock(runtime_mutex());
  return all<cudaGraph_t>().erase(graph) ? cudaSuccess : bad_graph("cudaGraphDestroy");
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = sticky_error()) return error;
  const auto found = find(graph);
  if (!found) return bad_graph("cudaGraphInstantiate");
  *executable = keep<cudaGraphExec_t>(found);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const Lock lock(runtime_mutex());
  return all<cudaGraphExec_t>().erase(executable) ? cudaSuccess : bad_graph("cudaGraphExecDestroy");
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const Lock lock(runtime_mutex());
  if (const cudaError_t error = sticky_error()) return error;
  const auto found = find(executable);
  if (!found) return bad_graph("cudaGraphLaunch");
  return queue_work(stream, [found] { return run_nodes(found->nodes); });
}

}  // extern "C"
