#include "tests/dist/rank_processes.h"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "dist/run_rank.h"
#include "kernels/base/error.h"
#include "tests/dist/gloo_ranks.h"

namespace sf {
namespace {

constexpr char kReady = '\n';

[[noreturn]] void be_rank(int rank, int ranks, const std::string& address,
                          std::chrono::milliseconds timeout, int output,
                          const RankProcesses::Work& work) {
  const auto say = [&](const std::string& text) {
    if (write(output, text.data(), text.size()) != ssize_t(text.size())) _exit(3);
  };
  try {
    run_rank(
        {.rank = rank, .size = ranks, .local_rank = rank, .local_size = ranks, .address = address},
        {.build = "test", .configuration = "", .timeout = timeout, .log = {}},
        [&](const auto& group) { work(group, [&] { say(std::string(1, kReady)); }); });
  } catch (const std::exception& e) {
    say(e.what());
    _exit(1);
  }
  _exit(0);
}

}  // namespace

RankProcesses::RankProcesses(int ranks, std::chrono::milliseconds timeout, const Work& work) {
  const std::string address = fresh_address();
  for (int rank = 0; rank < ranks; ++rank) {
    int ends[2];
    SF_CHECK(pipe(ends) == 0, "pipe");
    const pid_t process = fork();
    SF_CHECK(process >= 0, "fork");
    if (process == 0) {
      close(ends[0]);
      dup2(ends[1], STDERR_FILENO);
      alarm(60);
      be_rank(rank, ranks, address, timeout, ends[1], work);
    }
    close(ends[1]);
    ranks_.push_back({process, ends[0]});
  }
}

RankProcesses::~RankProcesses() {
  for (const Rank& rank : ranks_) {
    if (rank.process > 0) {
      kill(rank.process, SIGKILL);
      waitpid(rank.process, nullptr, 0);
    }
    close(rank.output);
  }
}

void RankProcesses::await(int rank) {
  char byte = 0;
  while (read(ranks_[size_t(rank)].output, &byte, 1) == 1 && byte != kReady) {}
}

std::string RankProcesses::outcome(int rank) {
  Rank& r = ranks_[size_t(rank)];
  std::string line;
  char byte = 0;
  while (read(r.output, &byte, 1) == 1)
    if (byte != kReady) line += byte;
  int status = 0;
  waitpid(r.process, &status, 0);
  r.process = -1;
  if (!WIFSIGNALED(status)) return line;
  return cat("signal ", WTERMSIG(status), line.empty() ? "" : ": ", line);
}

}  // namespace sf
