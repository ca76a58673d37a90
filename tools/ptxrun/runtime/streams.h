// Streams and events. All work is done by the call that asks for it, in the order of the calls.
#pragma once

#include "runtime/status.h"

namespace ptxrun {

// Fails unless it is the default stream or one that was created and not destroyed.
cudaError_t require_stream(cudaStream_t stream);

}  // namespace ptxrun
