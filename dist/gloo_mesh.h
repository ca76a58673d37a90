// The connections of a group over TCP: Gloo's transport, one connection to each other rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gloo/transport/context.h>
#include <gloo/transport/device.h>

#include "dist/control/connection.h"

namespace sf {

// Where the ranks' bytes lie in an array; none for a rank that gets or gives nothing.
struct ByteRange {
  size_t offset = 0, count = 0;
};
using RangeByRank = std::vector<ByteRange>;

// What Gloo threw, without the place in its source.
std::string reason_of(const std::exception& e);

// What all groups of a process share. Writing to a connection that the other side has closed must
// not end the process: from then on it ignores SIGPIPE.
struct GlooTransport {
  std::shared_ptr<gloo::transport::Device> device;
  std::shared_ptr<ControlConnection> control;

  explicit GlooTransport(std::shared_ptr<ControlConnection> control);
};

// Ends with the job: a verdict of the control plane breaks off whatever waits.
class GlooMesh {
 public:
  // Thrown by transfer() and connect() where they were broken off, or a connection is lost.
  struct Broken {
    std::string reason;
  };

  GlooMesh(std::shared_ptr<const GlooTransport> transport, int rank, int size);
  ~GlooMesh();
  GlooMesh(const GlooMesh&) = delete;
  GlooMesh& operator=(const GlooMesh&) = delete;

  int rank() const { return context_->rank; }
  int size() const { return context_->size; }

  // What each rank needs to connect to this one; all texts of one length.
  const std::vector<std::string>& addresses() const { return addresses_; }
  // With what every rank has for this one. All ranks of the group together.
  void connect(const std::vector<std::string>& addresses);

  // Sends every other rank its range of `out` and receives every other rank's range of `in`, at
  // once; returns when both are done. Both sides give the same counts and `slot`, which no other
  // transfer of the group has; where slots differ, nothing arrives. One thread at a time.
  void transfer(uint64_t slot, const void* out, const RangeByRank& out_ranges, void* in,
                const RangeByRank& in_ranges);

 private:
  void break_off();
  void close();

  std::shared_ptr<const GlooTransport> transport_;
  std::shared_ptr<gloo::transport::Context> context_;
  std::vector<std::string> addresses_;
  std::mutex mutex_;
  bool broken_ = false, connecting_ = false;
  gloo::transport::UnboundBuffer *sending_ = nullptr, *receiving_ = nullptr;
  int watcher_ = 0;
};

}  // namespace sf
