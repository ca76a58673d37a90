// The one call by which a process takes part in a job of several.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "dist/placement.h"
#include "dist/process_group.h"

namespace sf {

struct JoinOptions {
  std::string build;  // of the engine: ranks of different builds do not start
  // All settings that must be alike, one whole setting a line ("SOLVER.BASE_LR: 0.1"): ranks that
  // differ do not start, and the lines that differ are named.
  std::string configuration;
  // For all ranks to come, for an operation to end on all of its ranks once one has called it, and
  // for the signs of life of a process.
  std::chrono::milliseconds timeout{600'000};
  std::function<void(const std::string& line)> log;  // what is waited for, if that takes long
};

// Meets the other ranks at placement.address, calls work(the group of all of them) and returns when
// it is done; in rank 0 when all ranks are. The group takes values in the memory of the CPU.
//
// Throws Error, one line, where the ranks do not all come within the time-out or do not agree.
// Where work throws on one rank, or a rank dies, is silent, or lets others wait in an operation for
// longer than the time-out, every rank's operations throw an Error that names the rank, and the
// operation; what work throws is thrown here. A placement of one rank meets nobody.
void run_rank(const ProcessPlacement& placement, const JoinOptions& options,
              const std::function<void(const std::shared_ptr<ProcessGroup>&)>& work);

}  // namespace sf
