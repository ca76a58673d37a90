#include "dist/reduction_queue.h"

#include <array>
#include <cmath>
#include <future>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>

#include "dist/single_process.h"
#include "dist/thread_group.h"
#include "kernels/base/error.h"
#include "tests/dist/elements.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

TEST(ReductionQueue, AddsUpWhatWasStartedInOrder) {
  const HangGuard guard;
  run_thread_group(3, [](const auto& world) {
    ReductionQueue queue(world->consecutive(3));
    EXPECT_EQ(queue.size(), 3);
    std::vector<std::vector<float>> all;
    for (int i = 0; i < 20; ++i)
      all.push_back(std::vector<float>(size_t(1 + 100 * i), float(i + world->rank())));
    std::vector<int64_t> numbers;
    for (auto& values : all) numbers.push_back(queue.start(elements(values)));
    std::vector<double> other{1};
    world->all_reduce(elements(other));  // between them, in another group
    EXPECT_EQ(other[0], 3);
    queue.wait(numbers.back());
    for (int i = 0; i < 20; ++i)
      for (const float v : all[size_t(i)]) ASSERT_EQ(v, float(3 * i + 3));
    for (const int64_t number : numbers) queue.wait(number);  // again, at once
    world->barrier();
  });
}

TEST(ReductionQueue, WaitsForWhatIsStillInTheMaking) {
  const HangGuard guard;
  run_thread_group(2, [](const auto& world) {
    ReductionQueue queue(world->consecutive(2));
    std::vector<float> values{0}, next{1};
    std::promise<void> made;
    queue.start(elements(values), [&] { made.get_future().wait(); });
    const int64_t last = queue.start(elements(next));
    values[0] = 3;
    made.set_value();
    queue.wait(last);
    EXPECT_EQ(values[0], 6);
    EXPECT_EQ(next[0], 2);
    world->barrier();
  });
}

TEST(ReductionQueue, PassesOnWhyNothingWasMade) {
  const HangGuard guard;
  ReductionQueue queue(std::make_shared<SingleProcess>());
  std::vector<float> values{0};
  const int64_t number = queue.start(elements(values), [] { throw Error("a kernel failed"); });
  EXPECT_EQ(error_of([&] { queue.wait(number); }), "a kernel failed");
}

TEST(ReductionQueue, TakesOnlyWhatHasGradients) {
  ReductionQueue queue(std::make_shared<SingleProcess>());
  std::vector<int64_t> counts{1};
  EXPECT_EQ(error_of([&] { queue.start(elements(counts)); }),
            "reduction queue: wanted values of f32 or f64, found i64");
  EXPECT_EQ(error_of([] { ReductionQueue(std::make_shared<SingleProcess>(), DType::f64); }),
            "reduction queue: wanted bf16 or f16 on the way, found f64");
}

// 1 + 2^-9 loses its last bit in bf16, not in f16, and so does the sum 750, between 748 and 752.
TEST(ReductionQueue, RoundsValuesAndTheirSumOnceEach) {
  const HangGuard guard;
  for (const DType half : {DType::bf16, DType::f16})
    run_thread_group(3, [half](const auto& world) {
      ReductionQueue queue(world->consecutive(3), half);
      const float fine = 1 + 0x1p-9F;
      std::vector<float> values{float(world->rank()), 250.0F, fine};
      queue.wait(queue.start(elements(values)));
      EXPECT_EQ(values[0], 3);
      EXPECT_EQ(values[1], half == DType::f16 ? 750 : 752);
      EXPECT_EQ(values[2], half == DType::f16 ? 3 * fine : 3);
      std::vector<double> exact{fine};
      queue.wait(queue.start(elements(exact)));
      EXPECT_EQ(exact[0], 3 * double(fine));
      world->barrier();
    });
}

TEST(ReductionQueue, PassesOnWhyTheGroupFailed) {
  const HangGuard guard;
  const std::string told = error_of([] {
    run_thread_group(2, [](const auto& world) {
      ReductionQueue queue(world->consecutive(2));
      std::vector<float> values(world->rank() == 0 ? 3 : 4);
      queue.wait(queue.start(elements(values)));
    });
  });
  EXPECT_NE(told.find("rank 0 calls all_reduce of 3 f32 values"), std::string::npos) << told;
}

// Rank 1 fails with a sum on its way that rank 0 has not started, as it waits for rank 1 elsewhere.
TEST(ReductionQueue, ARankThatGivesUpHoldsNobodyUp) {
  const HangGuard guard;
  std::string told;
  EXPECT_NE(error_of([&] {
              run_thread_group(2, [&](const auto& world) {
                ReductionQueue queue(world->consecutive(2));
                std::vector<float> values(5);
                if (world->rank() == 1) {
                  queue.start(elements(values));
                  throw Error("clip 7 is broken");
                }
                told = error_of([&] { world->barrier(); });
                throw Error(told);
              });
            }),
            "");
  EXPECT_EQ(told, "process group: rank 1 failed: it ended before its sums were added up");
}

TEST(ReductionQueue, LeavesValuesAloneOnceItHasEnded) {
  const HangGuard guard;
  std::string told;
  EXPECT_NE(error_of([&] {
              run_thread_group(2, [&](const auto& world) {
                ReductionQueue queue(world->consecutive(2));
                std::vector<float> values(5, 1);
                if (world->rank() == 1) {
                  queue.start(elements(values));
                  queue.end("clip 7 is broken");
                  EXPECT_EQ(error_of([&] { queue.start(elements(values)); }),
                            "reduction queue: it has ended");
                  EXPECT_EQ(values, std::vector<float>(5, 1));
                }
                const std::string found = error_of([&] { world->barrier(); });
                if (world->rank() == 0) told = found;
                throw Error(found);
              });
            }),
            "");
  EXPECT_EQ(told, "process group: rank 1 failed: clip 7 is broken");
}

}  // namespace
}  // namespace sf
