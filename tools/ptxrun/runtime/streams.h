// Streams and events. All work is done by the call that asks for it, in the order of the calls; in
// a capture, by the launch of the graph.
#pragma once

#include <map>

#include "runtime/capture.h"
#include "runtime/status.h"

namespace ptxrun {

struct Stream {
  bool blocking = true;  // ordered with the default stream
  int device = 0;
  CapturePoint at = {};
};
// Those that were created and not destroyed: all but the default streams.
std::map<cudaStream_t, Stream>& streams();

// Fails unless it is the default stream or one of those.
cudaError_t require_stream(cudaStream_t stream);

// Of the default streams: the calling thread's.
int stream_device(cudaStream_t stream);

// A handle that no other object has had.
uintptr_t next_handle();

}  // namespace ptxrun
