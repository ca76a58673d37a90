// A library in NCCL's place that notes what it is asked to do, by rank, and does nothing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dist/nccl.h"

namespace sf::test {

// One at a time, for all ranks of a process. Its streams are of no device.
class RecordingLibrary {
 public:
  RecordingLibrary();
  ~RecordingLibrary();
  RecordingLibrary(const RecordingLibrary&) = delete;
  RecordingLibrary& operator=(const RecordingLibrary&) = delete;

  // What rank `rank` has called, in order: "all_reduce 4 f32 at 0 to 0, sum". Places are bytes from
  // `origin` on.
  std::vector<std::string> calls(int rank) const;
  void set_origin(int rank, const void* origin);

  // The calls of this name (such as "all_reduce") have this result; ncclSuccess takes it back.
  void refuse(const std::string& call, ncclResult_t result);
  // What is queued from now on, and the end of a communicator, is not done before that is aborted.
  void hang();

 private:
  nccl::Library library_;
  nccl::LibraryScope scope_;
};

}  // namespace sf::test
