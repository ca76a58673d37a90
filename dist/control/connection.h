// A rank's connection to the control plane, from its coming to its leaving.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dist/control/job.h"
#include "dist/rendezvous.h"

namespace sf {

// Any thread may call anything.
class ControlConnection {
 public:
  struct Options {
    Rendezvous rendezvous;
    Member me;
    std::chrono::milliseconds timeout{};
    std::function<void(const std::string&)>
        log;  // what is waited for, if that takes long; may be null
  };

  // Returns when all ranks have come. Throws where they do not within the time-out, or do not
  // agree, with a line that says why.
  explicit ControlConnection(const Options& options);
  // Hangs up. Without leave() before, that ends the job.
  ~ControlConnection();

  int rank() const;
  int size() const;
  // This machine's, at which the other ranks reach it, as a number.
  const std::string& address() const;

  // Gives every rank a text, and gets one from every rank, in their order.
  std::vector<std::string> exchange(const std::vector<std::string>& for_ranks);

  // What this rank does in a group while it lives; the others are told with the next beat. Throws
  // where the job has ended. One that still lives 5 s after that is stuck in the transport, which
  // nothing can end: then the process says why the job ended and exits with status 1.
  class Operation {
   public:
    Operation(ControlConnection& control, const std::string& group, const Progress& progress);
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation();

   private:
    ControlConnection& control_;
    const std::string group_;
  };

  // Why the job ends, as far as this rank knows: empty while it goes on. `doing` is what the line
  // adds where it says nothing of operations, such as "barrier (operation 3)".
  std::string verdict(const std::string& doing = {}) const;
  // Waits for it, a few beats long at most.
  std::string await_verdict(const std::string& doing) const;
  // on_verdict is called when there is one, on another thread, or at once where there is one
  // already; not after forget() has returned.
  int watch(std::function<void()> on_verdict);
  void forget(int watcher);

  // Ends the job with this line; returns when this rank's job has ended.
  void fail(const std::string& line);
  // This rank is done; the others may go on.
  void leave();

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

// Ends an operation that cannot go on: throws the job's verdict or, where there is none, makes the
// reason the job's.
[[noreturn]] void throw_verdict(ControlConnection& control, const Progress& progress,
                                const std::string& reason);

}  // namespace sf
