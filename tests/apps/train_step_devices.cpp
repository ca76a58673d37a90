// Steps of training that several ranks take together on devices other than the CPU: on a GPU, its
// stand-in, or the executor; and as they are planned.
#include <algorithm>
#include <map>

#include "apps/engine/planned_ranks.h"
#include "apps/engine/training_graph.h"
#include "autograd/plan/blueprint.h"
#include "tests/apps/rank_courses.h"
#include "tests/hang_guard.h"
#include "tests/staged_ranks.h"

namespace sf {
namespace {

using test::StagedRanks;

// Two ranks with batch norm over both. One rounding of each sum of the loss is 6e-8 of it.
void expect_course_of_one_rank(const std::string& device) {
  const Config config = small_config({"SF.DEVICE", device});
  const Course alone = train(config, 1, nullptr);
  std::vector<Course> courses(2);
  run_thread_group(2, [&](const auto& host) {
    courses[size_t(host->rank())] = train(config, 2, std::make_shared<StagedRanks>(host));
  });
  expect_alike(courses);
  EXPECT_FALSE(courses[0].sums.empty());
  EXPECT_LT(std::abs(courses[0].losses[0] / alone.losses[0] - 1), 1e-6);
}

TEST(TrainStepOfRanks, IsThatOfOneRankOnTheExecutor) {
  const HangGuard guard;
  expect_course_of_one_rank("simt");
}

TEST(CudaTrainStepOfRanks, IsThatOfOneRank) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  const HangGuard guard;
  expect_course_of_one_rank("cuda");
}

#if defined(SF_WITH_CUDA)
// The devices that a group is asked for, by key and value.
std::vector<int> asked(const std::vector<std::string>& keys) {
  std::vector<int> devices;
  run_thread_group(2, [&](const auto& host) {
    const auto world = std::make_shared<StagedRanks>(host);
    const TrainingRanks ranks = training_ranks(small_config(keys), world);
    EXPECT_EQ(ranks.world, world);
    EXPECT_NE(ranks.batch_norm, world);
    host->barrier();
    if (host->rank() == 0) devices = world->asked();
  });
  return devices;
}

TEST(TrainingRanks, ExchangeGradientsAndBatchNormBetweenTheirGpus) {
  const HangGuard guard;
  EXPECT_EQ(asked({"SF.DEVICE", "cuda:3"}), (std::vector{3, 3}));
  EXPECT_EQ(asked({"SF.DEVICE", "cuda:3", "BN.NORM_TYPE", "batchnorm"}), std::vector{3});
}

TEST(TrainingRanks, RoundNoGradientsBetweenGpus) {
  const HangGuard guard;
  try {
    asked({"SF.DEVICE", "cuda", "SF.GRADIENT_TYPE", "bf16"});
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "SF.GRADIENT_TYPE: wanted f32 where 2 processes train on GPUs, found bf16");
  }
}

TEST(PlannedRanks, AddUpInPlaceOnAGpuAndWaitOnTheHost) {
  const Config config = small_config({"SF.DEVICE", "cuda"});
  const auto model = make_model(config, DType::f32);
  const Optimizer optimizer(*model, config);
  const Device device{.backend = Backend::cuda};
  const TrainingGraph step(
      *model, optimizer, config,
      train_step_options(config, 2, device,
                         training_ranks(config, std::make_shared<PlannedRanks>(8))));
  const Blueprint blueprint(*step.graph, step.outputs(), {.device = device});
  std::map<std::string, int> steps;
  for (const auto& s : blueprint.steps()) {
    const std::string op(s.op->name());
    if (op != "start_sum" && op != "finish_sum" && op != "all_reduce") continue;
    ++steps[op];
    EXPECT_TRUE(s.lowered.on_host) << s.name;
    EXPECT_EQ(s.lowered.kernel, op == "all_reduce" ? "process_group" : "in_place") << s.name;
  }
  EXPECT_EQ(steps["start_sum"], steps["finish_sum"]);
  EXPECT_GT(steps["start_sum"], 3);
  EXPECT_GT(steps["all_reduce"], 3);
}
#endif

TEST(PlannedRanks, ExchangeNothing) {
  PlannedRanks ranks(4);
  EXPECT_THROW(ranks.on_device(0)->barrier(), Error);
  EXPECT_THROW(ranks.consecutive(3), Error);
}

}  // namespace
}  // namespace sf
