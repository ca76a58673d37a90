// A training that is killed again and again ends in the bits of one that is not.
#include <csignal>
#include <thread>

#include <fcntl.h>

#include "kernels/base/counter_rng.h"
#include "tests/apps/training.h"

namespace sf {
namespace {

class KilledTraining : public TrainingCommand {
 protected:
  // Runs the command; kills it after so many milliseconds. True if it ended by itself, well.
  bool run_for(const std::string& arguments, int milliseconds) const {
    const pid_t child = fork();
    if (child == 0) {
      const int log = open((folder / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(log, 1);
      dup2(log, 2);
      const std::string command =
          cat("cd ", SF_SOURCE_DIR, " && exec ", kOnCpu, SF_BINARY, " ", arguments);
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    int status = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    while (std::chrono::steady_clock::now() < end) {
      if (waitpid(child, &status, WNOHANG) == child)
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return false;
  }
};

// Every iteration saves, so kills fall into steps and into writing alike. Runs get at most the time
// that the last whole one took; those that nevertheless end count for nothing but its new length.
TEST_F(KilledTraining, EndsInTheSameBitsAfterFiftyKills) {
  make_set(40);
  const std::string more = "SF.CHECKPOINT_ITERATIONS 1 SF.KEEP_CHECKPOINTS 3";
  ASSERT_EQ(sf(arguments("whole", more)).status, 0);

  constexpr int kKills = 50, kMostRuns = 400;
  const CounterRng moments("moments of kills");
  int kills = 0, ends = 0;
  double longest_ms = 1000;
  for (int run = 0; kills < kKills || ends == 0; ++run) {
    ASSERT_LT(run, kMostRuns) << kills << " kills; " << read_text(folder / "log");
    const std::string output = cat("killed", ends);
    const auto start = std::chrono::steady_clock::now();
    const bool last = kills >= kKills;
    const double share = moments.uniform(uint64_t(run), 0.2f, 0.9f);
    if (!run_for(arguments(output, more), last ? 600'000 : int(longest_ms * share))) {
      ASSERT_FALSE(last) << read_text(folder / "log");
      ++kills;
      longest_ms *= 1.02;  // so that a busy machine gets anywhere
      continue;
    }
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    longest_ms = took.count();
    ++ends;
    expect_equal_checkpoints(checkpoint("whole", "checkpoint_epoch_00003.sf"),
                             checkpoint(output, "checkpoint_epoch_00003.sf"));
    std::filesystem::remove_all(folder / output);
  }
}

}  // namespace
}  // namespace sf
