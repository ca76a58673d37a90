// Ranks over TCP that are threads of one process.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dist/process_group.h"
#include "dist/run_rank.h"

namespace sf {

// Calls work(group) on `ranks` threads, as run_rank does in processes of their own; returns what
// each rank threw, an empty line for one that ended well.
std::vector<std::string> gloo_rank_errors(
    int ranks, const std::function<void(const std::shared_ptr<ProcessGroup>&)>& work,
    std::chrono::milliseconds timeout = std::chrono::seconds(10));

// The same, where no rank is to fail.
void run_gloo_ranks(int ranks,
                    const std::function<void(const std::shared_ptr<ProcessGroup>&)>& work);

// A rendezvous of the test's own: file:// in the folder of temporary files.
std::string fresh_address();

}  // namespace sf
