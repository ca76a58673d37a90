#include "dist/launcher.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/base/error.h"
#include "kernels/base/processors.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Launcher : public testing::Test {
 protected:
  Launcher() { fs::create_directory(folder_); }
  ~Launcher() override { fs::remove_all(folder_); }

  // `processes` shells that run the script in the test's folder.
  LaunchOptions shells(int processes, const std::string& script) {
    LaunchOptions options;
    options.program = "/bin/sh";
    options.arguments = {"sh", "-c", cat("cd ", folder_.string(), "; ", script)};
    options.processes = processes;
    options.log = [this](const std::string& line) { log_.push_back(line); };
    return options;
  }

  // The files' contents, put in order.
  std::vector<std::string> written() const {
    std::vector<std::string> lines;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) lines.push_back(line);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  void await_files(size_t count) const {
    while (written().size() < count) std::this_thread::sleep_for(10ms);
  }

  const fs::path folder_ = fs::path(testing::TempDir()) / cat("launcher.", getpid());
  std::vector<std::string> log_;
  const HangGuard guard_;
};

using Lines = std::vector<std::string>;

TEST_F(Launcher, TellsEachProcessWhoItIs) {
  auto options = shells(2,
                        "echo $RANK $WORLD_SIZE $LOCAL_RANK $LOCAL_WORLD_SIZE $SF_INIT_METHOD "
                        "$OMP_NUM_THREADS > $RANK");
  options.shard_id = 1;
  options.num_shards = 3;
  options.address = "tcp://node1:9999";
  setenv("OMP_NUM_THREADS", "7", 1);
  setenv("RANK", "17", 1);  // of another launcher, around this one
  EXPECT_EQ(launch(options), 0);
  EXPECT_EQ(written(), (Lines{"2 6 0 2 tcp://node1:9999 7", "3 6 1 2 tcp://node1:9999 7"}));
}

TEST_F(Launcher, GivesAJobOfOneMachineAPlaceToMeet) {
  EXPECT_EQ(launch(shells(2, "echo $SF_INIT_METHOD > $RANK")), 0);
  const Lines places = written();
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[0], places[1]);
  EXPECT_TRUE(places[0].starts_with("file:///"));
  EXPECT_FALSE(fs::exists(fs::path(places[0].substr(7)).parent_path()));
}

TEST_F(Launcher, SharesTheProcessorsOut) {
  unsetenv("OMP_NUM_THREADS");
  EXPECT_EQ(launch(shells(2, "echo $OMP_NUM_THREADS > $RANK")), 0);
  const std::string half = cat(std::max(1, processor_count() / 2));
  EXPECT_EQ(written(), (Lines{half, half}));
}

TEST_F(Launcher, EndsAsTheFirstThatFails) {
  EXPECT_EQ(launch(shells(3, "[ $RANK = 1 ] && exit 5; sleep 0.3; exit 6")), 5);
  EXPECT_EQ(log_, Lines{"process 1 ended with status 5"});
  EXPECT_EQ(launch(shells(2, "[ $RANK = 0 ] && kill -9 $$; exit 0")), 128 + SIGKILL);
  EXPECT_EQ(log_.back(), "process 0 ended with signal 9 (Killed)");
}

TEST_F(Launcher, EndsThoseThatAFailureLeavesBehind) {
  auto options = shells(3,
                        "[ $RANK = 0 ] && exit 5; [ $RANK = 1 ] && trap '' TERM; "
                        "echo $$ > $RANK; while :; do sleep 0.05; done");
  options.grace = 300ms;
  EXPECT_EQ(launch(options), 5);
  for (const std::string& process : written()) EXPECT_NE(kill(std::stoi(process), 0), 0);
}

TEST_F(Launcher, StartsAllAgain) {
  // Each start of process 1 leaves a file; the third succeeds.
  auto options = shells(2, "[ $RANK = 0 ] && exit 0; echo x > $$; [ $(ls | wc -l) = 3 ]");
  EXPECT_EQ(launch(options), 1);
  fs::remove_all(folder_);
  fs::create_directory(folder_);
  log_.clear();
  options.restarts = 5;
  EXPECT_EQ(launch(options), 0);
  EXPECT_EQ(log_, (Lines{"process 1 ended with status 1; restart 1 of 5",
                         "process 1 ended with status 1; restart 2 of 5"}));
  options.restarts = 1;
  EXPECT_EQ(launch(options), 1) << "more than three files";
  EXPECT_EQ(log_.back(), "process 1 ended with status 1");
}

TEST_F(Launcher, AProgramThatCannotBeStartedIsAFailure) {
  auto options = shells(2, "");
  options.program = "/nowhere/program";
  EXPECT_EQ(launch(options), 127);
}

// A launcher in a process of its own.
class LauncherProcess : public Launcher {
 protected:
  pid_t start(const LaunchOptions& options) {
    const pid_t process = fork();
    if (process == 0) _exit(launch(options));
    return process;
  }
  static int exit_status(pid_t process) {
    int status = 0;
    waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
};

TEST_F(LauncherProcess, PassesSignalsOn) {
  auto options = shells(2,
                        "trap 'echo term > term.$RANK; exit 3' TERM; echo $RANK > $RANK; "
                        "while :; do sleep 0.05; done");
  options.restarts = 3;  // which a signal ends
  const pid_t launcher = start(options);
  await_files(2);
  kill(launcher, SIGTERM);
  EXPECT_EQ(exit_status(launcher), 3);
  EXPECT_EQ(written(), (Lines{"0", "1", "term", "term"}));
}

TEST_F(LauncherProcess, TakesItsProcessesAlong) {
  const pid_t launcher = start(shells(2, "echo $$ > $RANK; exec sleep 50"));
  await_files(2);
  kill(launcher, SIGKILL);
  EXPECT_EQ(exit_status(launcher), -SIGKILL);
  for (const std::string& process : written())
    while (kill(std::stoi(process), 0) == 0 &&
           std::ifstream(cat("/proc/", process, "/cmdline")).peek() != EOF)
      std::this_thread::sleep_for(10ms);  // the guard ends those that live on
}

}  // namespace
}  // namespace sf
