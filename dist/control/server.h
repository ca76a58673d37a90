// The end of the control plane that rank 0 runs: every rank keeps one connection to it.
//
// Messages are JSON objects, a line each, with a "kind". To the server: hello (who comes),
// addresses (one text for every rank), status (how far the rank is), failed (with its line), leave
// (it is done). From the server: welcome (all have come; with the address at which the machine is
// reached), addresses (one text from every rank), beat (I am here), verdict (why the job ends),
// bye.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "dist/control/job.h"

namespace sf {

class ControlServer {
 public:
  struct Options {
    std::string host = {};   // an address of this machine; empty: all of them
    uint16_t port = 0;       // 0: any free one
    std::string token = {};  // that a hello must repeat
    Member leader = {};      // rank 0, which joins like the others
    std::chrono::milliseconds timeout{};
  };

  // Listens and serves on a thread of its own. Throws where it cannot listen there.
  explicit ControlServer(const Options& options);
  ~ControlServer();

  uint16_t port() const;
  // Returns when all ranks have left, or have been told why the job ends and hung up; at the
  // time-out at the latest. An empty line if all have left.
  std::string finish();

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

// How often ranks and server tell that they are there: several times in each time-out.
std::chrono::milliseconds beat_interval(std::chrono::milliseconds timeout);

}  // namespace sf
