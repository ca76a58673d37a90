// Starts the processes of this machine, and ends when they have.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "dist/placement.h"

namespace sf {

struct LaunchOptions {
  std::string program = "/proc/self/exe";
  std::vector<std::string> arguments;  // the first is the program's name
  int processes = 1;                   // on this machine
  int shard_id = 0, num_shards = 1;    // this machine among all
  std::string address;  // where all meet; empty: at a place of their own, one machine
  int restarts = 0;     // of all processes after a failure
  // After the first failure the others have this long to end by themselves, and again this long
  // once they have been told to (SIGTERM), before they are killed.
  std::chrono::milliseconds grace{10'000};
  std::function<void(const std::string& line)> log;  // which process failed; may be null
};

// Runs the program with its arguments `processes` times at once, each with torchrun's variables
// RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE in its environment, SF_INIT_METHOD for the
// address, and OMP_NUM_THREADS, unless it is set, for its share of the processors;
// placement_of_launcher reads them there. Returns 0 if all end well, else the status of the first
// that fails, 128 and its number for a signal. SIGINT, SIGTERM and SIGHUP go on to all processes,
// and are the end of restarts. The processes are killed should this one die. For a process of one
// thread.
int launch(const LaunchOptions& options);

}  // namespace sf
