// Steps of training that several ranks take together, each with a part of the batch, against one
// rank with all of it.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "kernels/base/threads.h"
#include "tests/apps/rank_courses.h"
#include "tests/hang_guard.h"

namespace sf {
namespace {

// Sums in another order differ by some 1e-16, which 20 steps multiply by some 1000.
constexpr double kDouble = 1e-9;

TEST(TrainStepOfRanks, IsThatOfOneRankWithTheWholeBatchInDouble) {
  const HangGuard guard;
  const Config config = small_config({"SF.DTYPE", "f64"});
  const Course alone = train(config, 20, nullptr);
  EXPECT_TRUE(alone.sums.empty());
  for (const int ranks : {2, 4}) {
    SCOPED_TRACE(ranks);
    const auto courses = train_together(config, 20, ranks);
    expect_alike(courses);
    EXPECT_LT(farthest_loss(courses[0], alone), kDouble);
    EXPECT_LT(farthest(courses[0].norms, alone.norms), kDouble);
  }
}

TEST(TrainStepOfRanks, IsToTheBitThatOfNoGroupForASingleRank) {
  const HangGuard guard;
  const Config config = small_config();
  const Course alone = train(config, 2, nullptr), single = train_together(config, 2, 1)[0];
  EXPECT_EQ(single.losses, alone.losses);
  EXPECT_EQ(single.norms, alone.norms);
  EXPECT_EQ(single.parameters, alone.parameters);
  EXPECT_TRUE(single.sums.empty());
}

// One rounding of each sum of the loss is 6e-8 of it.
TEST(TrainStepOfRanks, HasInFloatTheLossOfOneRank) {
  const HangGuard guard;
  const Config config = small_config();
  const Course alone = train(config, 1, nullptr);
  const auto courses = train_together(config, 3, 4);
  expect_alike(courses);
  EXPECT_LT(std::abs(courses[0].losses[0] / alone.losses[0] - 1), 1e-6);
}

#ifdef _OPENMP
// Where sums round otherwise, steps of float32 multiply it, and an activation that is zero but for
// rounding may fall on the other side and send a course off by a thousand times: how far is seen in
// runs of one process with other numbers of threads, if libraries share out sums among these. Ranks
// add up what one process does, in the same order; only the mean of their losses is rounded once
// more. Where a library's kernels depend on the batch, which the first step tells, ranks round
// otherwise as well, and the nearest of a few courses counts, within twice.
TEST(TrainStepOfRanksSlow, StaysInFloatAsCloseToOneRankAsThatWithOtherThreads) {
  constexpr int kCourses = 3, kSteps = 20;
  constexpr double kRounding = std::numeric_limits<float>::epsilon();
  const int threads = omp_get_max_threads();
  bool alike = true;
  double of_threads = kRounding;
  std::map<int, std::vector<double>> of_ranks;
  for (int seed = 1; seed <= kCourses; ++seed) {
    const Config config = small_config({"SF.DTYPE", "f32", "RNG_SEED", cat(seed)});
    const auto on_threads = [&](int n) {
      omp_set_num_threads(n);
      const Course course = train(config, kSteps, nullptr);
      omp_set_num_threads(threads);
      return course;
    };
    const Course alone = on_threads(threads);
    for (const int n : {threads + 1, threads + 2})
      of_threads = std::max(of_threads, farthest_loss(on_threads(n), alone));
    for (const int n : {2, 4}) {
      const auto courses = train_together(config, kSteps, n);
      expect_alike(courses);
      alike &= courses[0].parameters[0] == alone.parameters[0];
      of_ranks[n].push_back(farthest_loss(courses[0], alone));
    }
  }
  RecordProperty("threads", cat(of_threads));
  RecordProperty("alike", alike);
  for (const auto& [ranks, apart] : of_ranks) {
    RecordProperty(cat("ranks_", ranks), cat(std::ranges::max(apart)));
    if (alike)
      EXPECT_LE(std::ranges::max(apart), of_threads) << ranks << " ranks";
    else
      EXPECT_LE(std::ranges::min(apart), 2 * of_threads) << ranks << " ranks";
  }
}
#endif

TEST(TrainStepOfRanks, CopiesNoGradientAndStartsSumsWithinTheBackwardPass) {
  const HangGuard guard;
  run_thread_group(2, [](const auto& world) {
    const Config config = small_config();
    const auto model = make_model(config, DType::f32);
    const Optimizer optimizer(*model, config);
    const TrainStep step(*model, optimizer, config,
                         train_step_options(config, 2, Device{}, training_ranks(config, world)));
    int64_t starts = 0, computed_after = 0;
    const auto& steps = step.plan().steps();
    for (size_t i = 0; i < steps.size(); ++i) {
      if (!steps[i].op->name().ends_with("_sum")) continue;
      EXPECT_EQ(steps[i].lowered.kernel, "in_place") << steps[i].name;
      if (steps[i].op->name() != "start_sum") continue;
      ++starts;
      for (size_t later = i; later < steps.size(); ++later)
        computed_after += starts == 1 && steps[later].op->name() == "conv3d_backward_weight";
    }
    EXPECT_GT(starts, 3);
    EXPECT_GT(computed_after, 5);
    world->barrier();
  });
}

class RanksWith : public testing::TestWithParam<std::vector<std::string>> {};
INSTANTIATE_TEST_SUITE_P(Keys, RanksWith,
                         testing::Values(std::vector<std::string>{"SOLVER.CLIP_GRAD_L2NORM", "0.5"},
                                         std::vector<std::string>{"SOLVER.CLIP_GRAD_VAL", "0.01"},
                                         std::vector<std::string>{"SOLVER.LARS_ON", "True"},
                                         std::vector<std::string>{"SOLVER.OPTIMIZING_METHOD",
                                                                  "adamw"},
                                         std::vector<std::string>{"SF.ACCUMULATE", "2",
                                                                  "SOLVER.CLIP_GRAD_L2NORM", "0.5"},
                                         std::vector<std::string>{"SF.RECOMPUTE", "True"},
                                         std::vector<std::string>{"SF.CHECK_FINITE", "True"},
                                         std::vector<std::string>{"SF.GRADIENT_BUCKET", "1000"},
                                         std::vector<std::string>{"MODEL.FROZEN_BN", "True"}),
                         [](const auto& info) {
                           std::string name;
                           for (const char c : info.param[0]) name += c == '.' ? '_' : c;
                           return name;
                         });

TEST_P(RanksWith, TrainAsOne) {
  const HangGuard guard;
  std::vector<std::string> keys{"SF.DTYPE", "f64"};
  keys.insert(keys.end(), GetParam().begin(), GetParam().end());
  const Config config = small_config(keys);
  const Course alone = train(config, 4, nullptr);
  const auto courses = train_together(config, 4, 2);
  expect_alike(courses);
  EXPECT_LT(farthest_loss(courses[0], alone), kDouble);
  EXPECT_LT(farthest(courses[0].norms, alone.norms), kDouble);
}

// The gradients are rounded to 8 or 11 bits, and so their norm is at most that far off.
TEST(TrainStepOfRanks, RoundsGradientsOnTheWayAlikeForAll) {
  const HangGuard guard;
  const Course exact = train_together(small_config(), 2, 2)[0];
  for (const auto& [type, bound] : {std::pair("bf16", 1.0 / 256), {"f16", 1.0 / 2048}}) {
    SCOPED_TRACE(type);
    const auto courses = train_together(small_config({"SF.GRADIENT_TYPE", type}), 2, 2);
    expect_alike(courses);
    EXPECT_NE(courses[0].parameters, exact.parameters);
    EXPECT_LT(std::abs(courses[0].norms[0] / exact.norms[0] - 1), bound);
    EXPECT_EQ(courses[0].losses[0], exact.losses[0]);
  }
}

TEST(TrainStepOfRanks, AllNameTheClipThatIsNotFinite) {
  const HangGuard guard;
  for (const char* norm : {"batchnorm", "sync_batchnorm"}) {
    const Config config = small_config({"BN.NORM_TYPE", norm});
    std::array<std::string, 2> told;
    run_thread_group(2, [&](const auto& world) {
      const auto model = make_model(config, DType::f32);
      model->initialise(1);
      const Optimizer optimizer(*model, config);
      const TrainingRanks ranks = training_ranks(config, world);
      TrainStep step(*model, optimizer, config, train_step_options(config, 2, Device{}, ranks));
      const int64_t first = 2 * ranks.rank();
      auto clips = clips_of_batch(*model, 0, first, 2);
      if (ranks.rank() == 1) clips[0].span<float>().back() = NAN;
      try {
        step.run(clips, labels_of_batch(0, first, 2), 0);
      } catch (const NotFiniteLoss& e) {
        told[size_t(ranks.rank())] = e.what();
        EXPECT_EQ(e.origin.rank, 1);
        EXPECT_EQ(e.origin.clip, 1);
      }
      world->barrier();
    });
    EXPECT_EQ(told[0], told[1]);
    EXPECT_NE(told[0].find("comes from clip0, clip 3 of the batch"), std::string::npos) << told[0];
  }
}

// With batch norm of each rank alone, rank 0 has found nothing when rank 1 stops in mid-step.
TEST(TrainStepOfRanks, EndsForAllWhereOneFails) {
  const HangGuard guard;
  const Config config = small_config({"BN.NORM_TYPE", "batchnorm", "SF.CHECK_FINITE", "True"});
  std::array<std::string, 2> told;
  EXPECT_THROW(run_thread_group(2,
                                [&](const auto& world) {
                                  const auto model = make_model(config, DType::f32);
                                  const Optimizer optimizer(*model, config);
                                  const TrainingRanks ranks = training_ranks(config, world);
                                  TrainStep step(*model, optimizer, config,
                                                 train_step_options(config, 2, Device{}, ranks));
                                  auto clips = clips_of_batch(*model, 0, 0, 2);
                                  if (ranks.rank() == 1) clips[0].span<float>().back() = NAN;
                                  try {
                                    step.run(clips, labels_of_batch(0, 0, 2), 0);
                                  } catch (const Error& e) {
                                    told[size_t(ranks.rank())] = e.what();
                                    throw;
                                  }
                                }),
               Error);
  EXPECT_NE(told[1].find("gave a value that is not finite"), std::string::npos) << told[1];
  EXPECT_EQ(told[0], cat("process group: rank 1 failed: ", told[1]));
}

// Rank 1 alone has gradients that overflow, in the first of two batches.
TEST(TrainStepOfRanks, SkipTheSameSteps) {
  const HangGuard guard;
  const Config config = small_config({"SF.DTYPE", "f16", "SF.ACCUMULATE", "2"});
  run_thread_group(2, [&](const auto& world) {
    const auto model = make_model(config, DType::f32);
    model->initialise(1);
    Optimizer optimizer(*model, config);
    const TrainingRanks ranks = training_ranks(config, world);
    TrainStepOptions options = train_step_options(config, 2, Device{}, ranks);
    LossScaler scaler;
    options.scaler = &scaler;
    scaler.restore(ranks.rank() == 1 ? 1e30 : 1024, 0);
    TrainStep step(*model, optimizer, config, options);
    optimizer.set_learning_rate(0.01);
    for (int64_t i = 0; i < 2; ++i) {
      const auto result = step.run(clips_of_batch(*model, i, 0, 2), labels_of_batch(i, 0, 2), i);
      EXPECT_EQ(result.skipped, i == 1) << ranks.rank();
    }
    world->barrier();
  });
}

}  // namespace
}  // namespace sf
