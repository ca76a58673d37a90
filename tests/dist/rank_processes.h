// Ranks that are processes, which a test may kill and stop.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "dist/process_group.h"

namespace sf {

class RankProcesses {
 public:
  // Calls ready() of a rank's own: see await().
  using Ready = std::function<void()>;
  using Work = std::function<void(const std::shared_ptr<ProcessGroup>&, const Ready&)>;

  // Forks: the test has no other thread yet.
  RankProcesses(int ranks, std::chrono::milliseconds timeout, const Work& work);
  ~RankProcesses();  // kills those that are left
  RankProcesses(const RankProcesses&) = delete;
  RankProcesses& operator=(const RankProcesses&) = delete;

  pid_t process(int rank) const { return ranks_[size_t(rank)].process; }
  // Returns when the rank has called ready().
  void await(int rank);
  // What the rank wrote on stderr and the line of its failure, "" if it ends well; behind "signal
  // 9" or the like.
  std::string outcome(int rank);

 private:
  struct Rank {
    pid_t process = -1;
    int output = -1;
  };
  std::vector<Rank> ranks_;
};

}  // namespace sf
