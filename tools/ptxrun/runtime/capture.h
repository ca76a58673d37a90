// Stream capture: what streams are asked to do becomes nodes of a graph instead of being done.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "runtime/status.h"

namespace ptxrun {

struct Node {
  std::function<cudaError_t()> work;
  std::set<size_t> after;  // nodes that must be done
};

struct Capture {
  cudaStream_t origin;
  bool relaxed;                     // calls that wait for the device or take memory are allowed
  cudaError_t fault = cudaSuccess;  // what spoiled it
  bool ended = false;
  std::vector<Node> nodes = {};
};

// Where a stream or an event is in a capture, if it is in one.
struct CapturePoint {
  std::shared_ptr<Capture> capture;
  std::set<size_t> after;  // nodes that what comes next follows
};

// Does the work, or records it where the stream captures. Fails for a stream that does not exist,
// and for the default stream while a stream that is ordered with it captures: the capture is
// spoiled then.
cudaError_t queue_work(cudaStream_t stream, std::function<cudaError_t()> work);

// Fails, and spoils the captures, while a stream captures in a mode that forbids such calls.
cudaError_t forbid_in_capture(const char* call);

// The stream comes behind the event, which takes it into the event's capture.
cudaError_t join_capture(CapturePoint& stream, const CapturePoint& event);

// Does the nodes in an order that PTXRUN_ORDER chooses among those that their waits allow.
cudaError_t run_nodes(const std::vector<Node>& nodes);

}  // namespace ptxrun
