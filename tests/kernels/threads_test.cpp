// How loops are shared out to threads.
#include "kernels/base/threads.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sf {
namespace {

TEST(Threads, ALoopVisitsEachIndexOnce) {
  for (const int64_t n : {0, 1, 2, 7, 64, 1001})
    for (const int64_t grain : {1, 3, 64}) {
      std::vector<std::atomic<int>> visits(static_cast<size_t>(n));
      parallel_for(n, grain, [&](int64_t i) { ++visits.at(size_t(i)); });
      for (const auto& count : visits) EXPECT_EQ(count, 1) << n << " " << grain;
    }
}

TEST(Threads, ASlotHasOneCallAtATime) {
  for (const int slots : {1, 2, 5, 100}) {
    std::vector<std::atomic<int>> visits(257), running(static_cast<size_t>(slots));
    parallel_for_slots(std::ssize(visits), slots, [&](int64_t slot, int64_t i) {
      EXPECT_EQ(++running.at(size_t(slot)), 1);
      ++visits.at(size_t(i));
      --running.at(size_t(slot));
    });
    for (const auto& count : visits) EXPECT_EQ(count, 1) << slots;
  }
}

TEST(Threads, LoopsMayBeWithinLoopsAndOnSeveralThreads) {
  std::vector<std::atomic<int>> visits(3 * 50 * 20);
  const auto loops = [&](int64_t first) {
    parallel_for(50, 1, [&](int64_t i) {
      parallel_for(20, 1, [&](int64_t j) { ++visits.at(size_t((first * 50 + i) * 20 + j)); });
    });
  };
  {
    std::vector<std::jthread> threads;
    for (int64_t first = 0; first < 3; ++first) threads.emplace_back(loops, first);
  }
  for (const auto& count : visits) EXPECT_EQ(count, 1);
}

std::vector<int64_t> taken(SharedWork& work, int worker) {
  std::vector<int64_t> all;
  work.take(worker, [&](int64_t i) { all.push_back(i); });
  return all;
}

TEST(Threads, AWorkerTakesItsOwnShareAndThenWhatIsLeft) {
  SharedWork work(10, 2, 3);  // chunks 0, 1 and 2, 3 and 4
  EXPECT_EQ(taken(work, 1), (std::vector<int64_t>{2, 3, 4, 5, 6, 7, 8, 9, 0, 1}));
  EXPECT_TRUE(taken(work, 0).empty());
}

TEST(Threads, FewerChunksThanWorkersAreForTheFirstOfThem) {
  SharedWork work(5, 3, 8);
  EXPECT_EQ(taken(work, 1), (std::vector<int64_t>{3, 4, 0, 1, 2}));
}

TEST(Threads, MoreWorkersThanSharesFindNothingAndLeaveNothing) {
  SharedWork work(1000, 1, 200);
  std::vector<int64_t> all;
  for (const int worker : {150, 199, 0})
    for (const int64_t i : taken(work, worker)) all.push_back(i);
  std::ranges::sort(all);
  std::vector<int64_t> wanted(1000);
  std::iota(wanted.begin(), wanted.end(), 0);
  EXPECT_EQ(all, wanted);
}

}  // namespace
}  // namespace sf
