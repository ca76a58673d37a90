// Ranks that are threads of one process.
#pragma once

#include <functional>

#include "dist/process_group.h"

namespace sf {

// Calls work(group) on `ranks` new threads, each with a rank of its own, and returns when all are
// done. Where one throws, the operations of the others throw as well, and its error is thrown here
// once all have ended: that of the first to fail.
void run_thread_group(int ranks,
                      const std::function<void(const std::shared_ptr<ProcessGroup>&)>& work);

}  // namespace sf
