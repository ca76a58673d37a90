// Jobs of which a rank fails: the others end, and say which it was and what they waited in.
#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "kernels/base/error.h"
#include "tests/dist/elements.h"
#include "tests/dist/gloo_ranks.h"
#include "tests/dist/rank_processes.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

using namespace std::chrono_literals;

constexpr auto kNever = 1h;  // a test that reaches it is ended by its guard
constexpr auto kSoon = 2s;   // longer than a busy machine keeps a process from running

void add_four(ProcessGroup& group) {
  double values[4] = {};
  group.all_reduce({values, 4, DType::f64});
}

// The victim lets the others wait.
RankProcesses::Work wait_for(int victim) {
  return [=](const std::shared_ptr<ProcessGroup>& group, const RankProcesses::Ready& ready) {
    group->barrier();
    ready();
    if (group->rank() == victim) pause();
    add_four(*group);
  };
}

void expect_match(const std::string& line, const std::string& pattern) {
  EXPECT_TRUE(std::regex_match(line, std::regex(pattern))) << line << "\n" << pattern;
}

class EachRank : public testing::TestWithParam<int> {};
class EachRankSlow : public EachRank {};
INSTANTIATE_TEST_SUITE_P(Victims, EachRank, testing::Range(0, 3));
INSTANTIATE_TEST_SUITE_P(Victims, EachRankSlow, testing::Range(0, 3));

TEST_P(EachRank, ThatIsKilledEndsTheOthers) {
  const HangGuard guard;
  const int victim = GetParam();
  RankProcesses ranks(3, kNever, wait_for(victim));
  for (int rank = 0; rank < 3; ++rank) ranks.await(rank);
  kill(ranks.process(victim), SIGKILL);
  for (int rank = 0; rank < 3; ++rank) {
    if (rank == victim)
      EXPECT_EQ(ranks.outcome(rank), "signal 9");
    else
      expect_match(ranks.outcome(rank),
                   cat("process group: rank ", victim, " of 3 \\(.*\\) is gone; rank ", rank,
                       " was in all_reduce of 4 f64 values \\(operation 3\\)"));
  }
}

void expect_stopped_one_is_named(int victim) {
  const HangGuard guard;
  RankProcesses ranks(3, kSoon, wait_for(victim));
  for (int rank = 0; rank < 3; ++rank) ranks.await(rank);
  kill(ranks.process(victim), SIGSTOP);
  for (const int rank : {2, 1, 0}) {
    if (rank == victim) continue;
    if (rank == 0) kill(ranks.process(victim), SIGKILL);  // it waits for the others to be told
    expect_match(
        ranks.outcome(rank),
        cat("process group: rank ", victim, " of 3 \\(.*\\) (has been silent for 2 s; rank ", rank,
            " was in|did not reach) all_reduce of 4 f64 values \\(operation 3\\).*"));
  }
}

void expect_absent_one_is_named(int victim) {
  const HangGuard guard;
  RankProcesses ranks(3, kSoon, wait_for(victim));
  for (int rank = 0; rank < 3; ++rank)
    if (rank != victim)
      expect_match(
          ranks.outcome(rank),
          cat("process group: rank ", victim, " of 3 \\(.*\\) did not reach all_reduce of 4 ",
              "f64 values \\(operation 3\\) within 2 s of rank [0-2]; it was last in ",
              "barrier \\(operation 2\\)"));
}

TEST(TimeOut, NamesARankThatIsStopped) { expect_stopped_one_is_named(1); }
TEST(TimeOut, NamesARankThatDoesNotComeToAnOperation) { expect_absent_one_is_named(1); }

TEST_P(EachRankSlow, ThatIsStoppedIsNamed) { expect_stopped_one_is_named(GetParam()); }
TEST_P(EachRankSlow, ThatDoesNotComeToAnOperationIsNamed) {
  expect_absent_one_is_named(GetParam());
}

// From before it has come until it waits for the others or makes connections to them, as it does
// over and over.
TEST_P(EachRankSlow, MayDieAtAnyMoment) {
  const HangGuard guard;
  const int victim = GetParam();
  for (const auto moment : {0ms, 4ms, 8ms, 12ms, 16ms, 20ms, 24ms, 28ms, 32ms, 40ms, 48ms, 56ms,
                            64ms, 80ms, 96ms, 128ms}) {
    RankProcesses ranks(3, 1s, [](const auto& group, const auto&) {
      for (;;) add_four(*group->consecutive(3));
    });
    std::this_thread::sleep_for(moment);
    kill(ranks.process(victim), SIGKILL);
    for (int rank = 0; rank < 3; ++rank)
      if (rank != victim) expect_match(ranks.outcome(rank), cat(".*(rank|ranks) ", victim, ".*"));
  }
}

TEST(Processes, AddUp) {
  const HangGuard guard;
  RankProcesses ranks(3, kNever, [](const auto& group, const auto&) {
    std::vector<float> values(10'000, float(group->rank() + 1));
    group->all_reduce({values.data(), int64_t(values.size()), DType::f32});
    for (const float value : values) SF_CHECK(value == 6, "wanted 6, found ", value);
  });
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(ranks.outcome(rank), "");
}

// Rank 0, which hears of all the others' ends, and those that hear of its.
TEST(ProcessesSlow, MayComeLateWhereAllAreAwaited) {
  const HangGuard guard;
  RankProcesses ranks(2, 1s, [](const auto& group, const auto&) {
    if (group->rank() == 1) std::this_thread::sleep_for(3s);
    group->await_all();
  });
  for (int rank = 0; rank < 2; ++rank) EXPECT_EQ(ranks.outcome(rank), "");
}

TEST(Processes, MayEndAtDifferentTimes) {
  const HangGuard guard;
  for (const int first : {0, 1}) {
    RankProcesses ranks(3, kNever, [=](const auto& group, const auto&) {
      group->barrier();
      if (group->rank() != first) std::this_thread::sleep_for(300ms);
    });
    for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(ranks.outcome(rank), "");
  }
}

TEST(GlooFailures, TheLineOfARankReachesTheOthers) {
  const HangGuard guard;
  for (const int victim : {0, 2}) {
    const auto errors = gloo_rank_errors(4, [=](const auto& group) {
      const auto part = group->consecutive(2);
      if (group->rank() == victim) throw Error("clip 7 is broken");
      part->barrier();
      group->barrier();
    });
    for (int rank = 0; rank < 4; ++rank)
      EXPECT_EQ(errors[size_t(rank)],
                rank == victim ? "clip 7 is broken"
                               : cat("process group: rank ", victim, " failed: clip 7 is broken"));
  }
}

TEST(GlooFailures, AFailureEndsEveryLaterOperation) {
  const HangGuard guard;
  gloo_rank_errors(2, [](const auto& group) {
    if (group->rank() == 1) throw Error("clip 7 is broken");
    for (int round = 0; round < 3; ++round) EXPECT_THROW(group->barrier(), Error);
    EXPECT_THROW(group->consecutive(2), Error);
  });
}

// Rank 2, one thread of which waits for rank 3, gives up in one of its groups.
TEST(GlooFailures, ARankThatGivesUpEndsEveryOperation) {
  const HangGuard guard;
  const std::string line = "process group: rank 2 failed: clip 7 is broken";
  for (const int size : {4, 2, 1}) {
    const auto errors = gloo_rank_errors(4, [&](const auto& group) {
      const std::map<int, std::shared_ptr<ProcessGroup>> parts{
          {4, group->consecutive(4)}, {2, group->consecutive(2)}, {1, group->consecutive(1)}};
      group->barrier();
      if (group->rank() == 2) {
        std::thread waiting([&] { EXPECT_EQ(error_of([&] { add_four(*parts.at(2)); }), line); });
        std::this_thread::sleep_for(20ms);  // or it finds the job ended when it comes
        parts.at(size)->fail("clip 7 is broken");
        waiting.join();
      }
      EXPECT_EQ(error_of([&] { group->barrier(); }), line);
      for (const auto& part : parts)
        EXPECT_EQ(error_of([&] { add_four(*part.second); }), line) << part.first;
    });
    EXPECT_EQ(errors, std::vector<std::string>(4, line));
  }
}

TEST(GlooFailures, ARankThatLeavesIsMissed) {
  const HangGuard guard;
  const auto work = [](const auto& group) {
    if (group->rank() != 1) group->barrier();
  };
  const auto errors = gloo_rank_errors(3, work, kSoon);  // noticed some beats later
  for (const int rank : {0, 2})
    expect_match(
        errors[size_t(rank)],
        "process group: rank 1 has left; rank [02] waits for it in barrier \\(operation 2\\)");
}

TEST(GlooFailures, RanksThatDisagreeAreNamed) {
  const HangGuard guard;
  const auto errors = gloo_rank_errors(3, [](const auto& group) {
    std::vector<double> values(group->rank() == 2 ? 5 : 4);
    group->all_reduce({values.data(), int64_t(values.size()), DType::f64});
  });
  for (const std::string& error : errors)
    expect_match(
        error,
        "process group: rank [01] calls all_reduce of 4 f64 values \\(operation 2\\), rank 2 "
        "all_reduce of 5 f64 values");
}

}  // namespace
}  // namespace sf
