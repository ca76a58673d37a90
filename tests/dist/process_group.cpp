// Every kind of group, against what its operations promise.
#include "dist/process_group.h"

#include <atomic>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dist/single_process.h"
#include "dist/thread_group.h"
#include "kernels/base/error.h"
#include "kernels/base/half.h"
#include "tests/dist/elements.h"
#include "tests/dist/gloo_ranks.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

using Work = std::function<void(const std::shared_ptr<ProcessGroup>&)>;

struct Kind {
  std::string name;
  std::function<void(const Work&)> run;
};
void PrintTo(const Kind& k, std::ostream* out) { *out << k.name; }

Kind threads(int ranks) {
  return {cat("threads_", ranks), [=](const Work& work) { run_thread_group(ranks, work); }};
}

Kind gloo(int ranks) {
  return {cat("gloo_", ranks), [=](const Work& work) { run_gloo_ranks(ranks, work); }};
}

class Groups : public testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(
    Kinds, Groups,
    testing::Values(Kind{"single_process",
                         [](const Work& work) { work(std::make_shared<SingleProcess>()); }},
                    threads(1), threads(2), threads(5), gloo(2), gloo(3), gloo(4)),
    [](const auto& info) { return info.param.name; });

TEST_P(Groups, NumberTheirRanks) {
  const HangGuard guard;
  std::atomic<int> ranks{0}, size{0};
  GetParam().run([&](const auto& group) {
    ranks |= 1 << group->rank();
    size = group->size();
  });
  EXPECT_EQ(ranks, (1 << size) - 1);
}

void expect_sum(ProcessGroup& group, int64_t value) {
  std::vector<int64_t> values{value};
  group.all_reduce(elements(values));
  EXPECT_EQ(values[0], value * group.size());
}

template <class T>
void expect_sums(ProcessGroup& group) {
  for (int round = 0; round < 20; ++round) {
    std::vector<T> values(7);
    const int first = 100 * group.rank() + round;
    std::iota(values.begin(), values.end(), T(first));
    group.all_reduce(elements(values));
    const T n = T(group.size());
    for (int i = 0; i < 7; ++i)
      EXPECT_EQ(values[size_t(i)], 100 * n * (n - 1) / 2 + n * T(round + i));
  }
}

TEST_P(Groups, AllReduceAddsUp) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    expect_sums<float>(*group);
    expect_sums<double>(*group);
    expect_sums<int64_t>(*group);
  });
}

TEST_P(Groups, AllGatherGivesEveryRankAllParts) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    const auto n = size_t(group->size()), rank = size_t(group->rank());
    std::vector<uint8_t> values(3 * n);
    for (size_t i = 0; i < 3; ++i) values[3 * rank + i] = uint8_t(10 * rank + i);
    group->all_gather(elements(values));
    for (size_t r = 0; r < n; ++r)
      for (size_t i = 0; i < 3; ++i) EXPECT_EQ(values[3 * r + i], 10 * r + i);
  });
}

TEST_P(Groups, AllGatherTakesPartsOfAnyLength) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    const int n = group->size();
    std::vector<int64_t> counts;  // 3, 0, 1, 2, 3, ...
    for (int r = 0; r < n; ++r) counts.push_back((r + 3) % 4);
    std::vector<int32_t> values, wanted;
    for (int r = 0; r < n; ++r)
      for (int i = 0; i < counts[size_t(r)]; ++i) {
        wanted.push_back(100 * r + i);
        values.push_back(r == group->rank() ? wanted.back() : -1);
      }
    group->all_gather(elements(values), counts);
    EXPECT_EQ(values, wanted);
  });
}

TEST_P(Groups, ReduceScatterGivesEachRankTheSumsOfItsPart) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    const int n = group->size();
    for (const int part : {1, 5000}) {
      std::vector<float> values(size_t(part * n));
      for (int i = 0; i < part * n; ++i) values[size_t(i)] = float(i + group->rank());
      group->reduce_scatter(elements(values));
      for (int i = part * group->rank(); i < part * (group->rank() + 1); ++i)
        ASSERT_EQ(values[size_t(i)], float(n * i + n * (n - 1) / 2)) << i;
    }
  });
}

// More than travels at once.
TEST_P(Groups, LargeArraysAreAddedUpAndBroadcast) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    const int n = group->size(), count = 100'001;
    std::vector<double> values(count);
    for (int i = 0; i < count; ++i) values[size_t(i)] = i + group->rank();
    group->all_reduce(elements(values));
    for (int i = 0; i < count; ++i) ASSERT_EQ(values[size_t(i)], n * i + n * (n - 1) / 2) << i;
    for (int i = 0; i < count; ++i) values[size_t(i)] = (group->rank() + 1.) * i;
    group->broadcast(elements(values), n - 1);
    for (int i = 0; i < count; ++i) ASSERT_EQ(values[size_t(i)], double(n) * i) << i;
  });
}

TEST_P(Groups, HalfTypesAreAddedInFullPrecision) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    // In bf16, 1 is lost beside 256.
    std::vector<bf16> values{bf16(group->rank() == 0 ? 256.0F : 1.0F)};
    group->all_reduce({values.data(), 1, DType::bf16});
    EXPECT_EQ(float(values[0]), float(bf16(255.0F + float(group->size()))));
  });
}

TEST_P(Groups, BroadcastGivesEveryRankTheRootsValues) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    for (int root = 0; root < group->size(); ++root) {
      std::vector<int32_t> values(4, group->rank());
      group->broadcast(elements(values), root);
      EXPECT_EQ(values, std::vector<int32_t>(4, root));
    }
  });
}

TEST_P(Groups, NobodyLeavesABarrierBeforeTheLastHasCome) {
  const HangGuard guard;
  std::atomic<int> came{0};
  GetParam().run([&](const auto& group) {
    for (int round = 1; round <= 50; ++round) {
      ++came;
      group->barrier();
      EXPECT_GE(came, round * group->size());
      group->barrier();
    }
  });
}

TEST_P(Groups, RefuseWhatTheHeaderRulesOut) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    std::vector<uint8_t> bytes(1);
    EXPECT_EQ(error_of([&] { group->all_reduce(elements(bytes)); }),
              "all_reduce: wanted values of f32, f64, bf16, f16 or i64, found u8");
    const int n = group->size();
    EXPECT_EQ(error_of([&] { group->broadcast(elements(bytes), n); }),
              cat("broadcast: wanted a root among ", n, " ranks, found ", n));
    EXPECT_EQ(error_of([&] { group->all_gather(elements(bytes), std::vector<int64_t>(n, 2)); }),
              cat("all_gather: wanted parts of 1 elements together, found ", 2 * n));
    EXPECT_EQ(error_of([&] { group->consecutive(n + 1); }),
              cat("ranks of a group: wanted a divisor of ", n, ", found ", n + 1));
    group->barrier();  // so that nobody leaves before the others are done
  });
}

TEST_P(Groups, SumsDoNotDependOnWhoComesFirst) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    // In another order, 1 is lost beside 2^53.
    const double by_rank[] = {0x1p53, -0x1p53, 1, 1, 1};
    const double sums[] = {0x1p53, 0, 1, 2, 3};
    for (int round = 0; round < 50; ++round) {
      std::vector<double> values{by_rank[group->rank()]};
      group->all_reduce(elements(values));
      EXPECT_EQ(values[0], sums[group->size() - 1]);
    }
  });
}

TEST_P(Groups, ConsecutiveRanksWorkAmongThemselves) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    for (int size = 1; size <= group->size(); ++size) {
      if (group->size() % size != 0) continue;
      const auto part = group->consecutive(size);
      ASSERT_EQ(part->size(), size);
      ASSERT_EQ(part->rank(), group->rank() % size);
      std::vector<int64_t> values{group->rank()};
      part->all_reduce(elements(values));
      const int first = group->rank() / size * size;
      EXPECT_EQ(values[0], size * first + size * (size - 1) / 2);
      group->barrier();
    }
  });
}

TEST_P(Groups, TwoGroupsOfTheSameRanksWorkSideBySide) {
  const HangGuard guard;
  GetParam().run([](const auto& group) {
    const auto other = group->consecutive(group->size());
    std::thread beside([&] {
      for (int round = 0; round < 50; ++round) expect_sum(*other, round);
    });
    for (int round = 0; round < 50; ++round) expect_sum(*group, 1000 + round);
    beside.join();
  });
}

TEST(ThreadGroup, AFailureReachesThoseWhoWait) {
  const HangGuard guard;
  std::atomic<int> told{0};
  const auto work = [&](const auto& group) {
    const auto part = group->consecutive(2);
    if (group->rank() == 2) throw Error("clip 7 is broken");
    try {
      part->barrier();
      group->barrier();
    } catch (const Error& e) {
      EXPECT_STREQ(e.what(), "process group: rank 2 failed: clip 7 is broken");
      ++told;
      throw;
    }
  };
  EXPECT_EQ(error_of([&] { run_thread_group(4, work); }), "clip 7 is broken");
  EXPECT_EQ(told, 3);
}

TEST(ThreadGroup, ARankThatLeavesIsMissed) {
  const HangGuard guard;
  EXPECT_EQ(error_of([] {
              run_thread_group(3, [](const auto& group) {
                if (group->rank() > 0) group->barrier();
              });
            }),
            "process group: rank 0 has left");
}

TEST(ThreadGroup, RanksThatDisagreeAreNamed) {
  const HangGuard guard;
  EXPECT_EQ(
      error_of([] {
        run_thread_group(3, [](const auto& group) {
          std::vector<double> values(group->rank() == 2 ? 5 : 4);
          group->all_reduce(elements(values));
        });
      }),
      "process group: rank 0 calls all_reduce of 4 f64 values, rank 2 all_reduce of 5 f64 values");
}

}  // namespace
}  // namespace sf
