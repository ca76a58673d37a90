// `sf run` on several processes of a machine, and on two machines.
#include <csignal>
#include <fstream>
#include <iterator>
#include <regex>
#include <thread>
#include <vector>

#include <fcntl.h>

#include "kernels/base/counter_rng.h"
#include "tests/apps/training.h"

namespace sf {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

// A command that runs beside the test, its output in a file.
class Running {
 public:
  Running(const std::string& command, const std::filesystem::path& log) : log_(log), id_(fork()) {
    if (id_ != 0) return;
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(file, 1);
    dup2(file, 2);
    execl("/bin/sh", "sh", "-c", cat("cd ", SF_SOURCE_DIR, " && exec ", command).c_str(), nullptr);
    _exit(127);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (!ended_) kill(id_, SIGKILL);
    if (!ended_) waitpid(id_, &status_, 0);
  }

  // Whether it ends within that time.
  bool ends_within(Clock::duration time) {
    for (const auto end = Clock::now() + time; !ended_ && Clock::now() < end;) {
      ended_ = waitpid(id_, &status_, WNOHANG) == id_;
      if (!ended_) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return ended_;
  }
  bool ended_well() const { return ended_ && WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }
  std::string output() const { return read_text(log_); }

  std::vector<pid_t> children() const {
    std::ifstream in(cat("/proc/", id_, "/task/", id_, "/children"));
    return {std::istream_iterator<pid_t>(in), {}};
  }

 private:
  std::filesystem::path log_;
  pid_t id_;
  int status_ = 0;
  bool ended_ = false;
};

class Processes : public TrainingCommand {
 protected:
  std::string command(const std::string& output, const std::string& more) const {
    return cat(kOnCpu, SF_BINARY, " ", arguments(output, more));
  }
  // The last number of that name in a log.
  static double last_number(const std::string& log, const std::string& name) {
    const std::regex number(cat("\"", name, "\": \"?([0-9.]+)"));
    double value = -1;
    for (std::sregex_iterator m(log.begin(), log.end(), number), end; m != end; ++m)
      value = std::stod((*m)[1]);
    return value;
  }
};

// Seven batches of four clips, with batch norm over both processes. The log has five digits behind
// the point.
TEST_F(Processes, TrainAndTestAsOneDoes) {
  make_set(40);
  const std::string more =
      "TEST.ENABLE True TEST.BATCH_SIZE 4 TEST.NUM_ENSEMBLE_VIEWS 2 TEST.NUM_SPATIAL_CROPS 1"
      " BN.NORM_TYPE sync_batchnorm BN.GLOBAL_SYNC True SOLVER.MAX_EPOCH 1 SF.CPU_PROCESSES ";
  std::vector<double> loss, accuracy;
  for (const std::string processes : {"1", "2"}) {
    const Outcome o = sf(arguments(processes, more + processes));
    ASSERT_EQ(o.status, 0) << o.err;
    EXPECT_EQ(read_text(folder / processes / "stdout.log"), o.out) << "rank 0 alone logs";
    loss.push_back(last_number(o.out, "loss"));
    accuracy.push_back(last_number(o.out, "top5_acc"));
  }
  EXPECT_GT(loss[0], 0);
  EXPECT_NEAR(loss[0], loss[1], 2e-5);
  EXPECT_GE(accuracy[0], 0);
  EXPECT_EQ(accuracy[0], accuracy[1]);
}

TEST_F(Processes, ThatMissEachOtherSaySo) {
  make_set(10);
  const std::string file = cat("file://", (folder / "meeting").string());
  const auto shard = [&](int id, const std::string& more) {
    return command(cat("shard", id),
                   cat("--num_shards 2 --shard_id ", id, " --init_method ", file, " ", more));
  };
  Running alone(shard(0, "SF.DIST_TIMEOUT 1"), folder / "alone");
  ASSERT_TRUE(alone.ends_within(seconds(30)));
  EXPECT_FALSE(alone.ended_well());
  EXPECT_EQ(alone.output(), "sf: process group: rank 1 of 2 did not come within 1 s\n");

  Running first(shard(0, ""), folder / "first"), second(shard(1, "RNG_SEED 7"), folder / "second");
  for (Running* running : {&first, &second}) {
    ASSERT_TRUE(running->ends_within(seconds(30)));
    EXPECT_FALSE(running->ended_well());
    EXPECT_NE(running->output().find("RNG_SEED: 7 instead of RNG_SEED: 1"), std::string::npos)
        << running->output();
  }
}

// Kills one process at a time; the others end by themselves, and the next start goes on.
class KilledProcessesSlow : public Processes {};

TEST_F(KilledProcessesSlow, EndInTheBitsOfThoseThatLive) {
  make_set(40);
  const std::string more = "SF.CHECKPOINT_ITERATIONS 1 SF.KEEP_CHECKPOINTS 3 SF.CPU_PROCESSES 2";
  const auto begin = Clock::now();
  ASSERT_EQ(sf(arguments("whole", more)).status, 0);
  const double whole = std::chrono::duration<double>(Clock::now() - begin).count();

  constexpr int kKills = 30, kMostRuns = 200;
  const CounterRng draws("kills of ranks");
  int kills = 0, ends = 0;
  for (int run = 0; kills < kKills || ends == 0; ++run) {
    ASSERT_LT(run, kMostRuns) << kills << " kills";
    const std::string output = cat("killed", ends);
    Running running(command(output, more), folder / "log");
    const double share = kills < kKills ? draws.uniform(uint64_t(run), 0.1f, 0.9f) : 100;
    const bool killed =
        !running.ends_within(std::chrono::milliseconds(int64_t(1000 * whole * share)));
    if (killed) {
      const auto ranks = running.children();
      if (!ranks.empty()) kill(ranks[size_t(kills) % ranks.size()], SIGKILL);
      ASSERT_TRUE(running.ends_within(seconds(120))) << running.output();
    }
    if (!running.ended_well()) {  // else the kill came too late
      ASSERT_TRUE(killed) << running.output();
      ++kills;
      continue;
    }
    ++ends;
    expect_equal_checkpoints(checkpoint("whole", "checkpoint_epoch_00003.sf"),
                             checkpoint(output, "checkpoint_epoch_00003.sf"));
    std::filesystem::remove_all(folder / output);
  }
}

// Two network namespaces with a cable between them.
class TwoMachinesSlow : public Processes {
 protected:
  void SetUp() override {
    Processes::SetUp();
    for (int i = 0; i < 2; ++i)
      if (std::system(cat("ip netns add ", name(i), " 2>/dev/null").c_str()) != 0)
        GTEST_SKIP() << "wanted the right to make network namespaces, and iproute2";
    ip(cat("link add cable netns ", name(0), " type veth peer name cable netns ", name(1)));
    for (int i = 0; i < 2; ++i) {
      ip(cat("-n ", name(i), " addr add ", address(i), "/24 dev cable"));
      ip(cat("-n ", name(i), " link set lo up"));
      ip(cat("-n ", name(i), " link set cable up"));
    }
  }
  void TearDown() override {
    for (int i = 0; i < 2; ++i)
      if (std::system(cat("ip netns del ", name(i), " 2>/dev/null").c_str()) != 0) continue;
    Processes::TearDown();
  }
  static std::string name(int machine) { return cat("sf-", getpid(), "-", machine); }
  static std::string address(int machine) { return cat("10.211.77.", machine + 1); }
  static void ip(const std::string& arguments) {
    ASSERT_EQ(std::system(cat("ip ", arguments).c_str()), 0) << arguments;
  }
  std::string on_machine(int machine, const std::string& more) const {
    return cat(
        "ip netns exec ", name(machine), " env ",
        command(cat("machine", machine), cat("--num_shards 2 --shard_id ", machine,
                                             " --init_method tcp://", address(0), ":9999 ", more)));
  }
};

TEST_F(TwoMachinesSlow, EndWhenTheCableIsCutAndGoOnAfterwards) {
  if (IsSkipped()) return;
  make_set(40);
  const std::string more = "SF.DIST_TIMEOUT 4 SF.CHECKPOINT_ITERATIONS 1 SOLVER.MAX_EPOCH ";
  {
    Running first(on_machine(0, more + "1000"), folder / "first"),
        second(on_machine(1, more + "1000"), folder / "second");
    // In the midst of the training.
    const auto checkpoints = folder / "machine0" / "checkpoints";
    for (int i = 0; i < 3000 && !std::filesystem::exists(checkpoints / "checkpoint_epoch_00002.sf");
         ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_FALSE(first.ends_within(seconds(0))) << first.output();
    ip(cat("-n ", name(0), " link set cable down"));
    for (Running* running : {&first, &second}) {
      ASSERT_TRUE(running->ends_within(seconds(30)));
      EXPECT_FALSE(running->ended_well());
      EXPECT_TRUE(
          std::regex_search(running->output(), std::regex("sf: process group: .*rank [01]")))
          << running->output();
    }
  }
  ip(cat("-n ", name(0), " link set cable up"));
  Running first(on_machine(0, more + "4"), folder / "first"),
      second(on_machine(1, more + "4"), folder / "second");
  for (Running* running : {&first, &second})
    EXPECT_TRUE(running->ends_within(seconds(120)) && running->ended_well()) << running->output();
  EXPECT_NE(first.output().find("Load from last checkpoint"), std::string::npos);
}

}  // namespace
}  // namespace sf
