// Narrow networks against the original implementation's numbers.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "kernels/base/cuda/runtime.h"
#include "models/weights.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

class SmallNetworks : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Model> model(DType dtype) {
    auto made = make_model(golden.config, dtype);
    fill_counter_weights(*made);
    return made;
  }
  SmallCase golden{GetParam()};
};

TEST_P(SmallNetworks, ScoresAndLogitsAreTheOriginals) {
  expect_stored_scores(*model(DType::f32), golden);
}

TEST_P(SmallNetworks, ScoresOnTheExecutorOfCudaKernelsAreTheOriginals) {
  expect_stored_scores(*model(DType::f32), golden, {.backend = Backend::simt});
}

TEST_P(SmallNetworks, ScoresOnCudaAreTheOriginals) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  expect_stored_scores(*model(DType::f32), golden, {.backend = Backend::cuda});
}

// The stored logits are float32 with float32 sums behind them; ours are exact to 1e-13, so this
// measures the stored.
TEST_P(SmallNetworks, Float64LogitsAreTheOriginals) {
  const auto net = model(DType::f64);
  const auto clips = golden.batch(DType::f64);
  Inference network(*net, clips[0][0].shape()[1], {.max_batch = 2});
  const auto logits = network.run(clips).logits.to(DType::f32);
  EXPECT_LT(relative_difference(logits.span<float>(), golden.file.at("eval.logits").span<float>()),
            2e-5);
}

class SmallClassifiers : public SmallNetworks {};

TEST_P(SmallClassifiers, LargerCropsAreAveragedOverPositions) {
  const auto net = model(DType::f32);
  const int64_t frames = golden.config.get<int64_t>("DATA.NUM_FRAMES"), crop = 96;
  const Tensor fast =
      Tensor::from(counter_uniform(golden.name + ".input_large", 3 * frames * crop * crop, -2, 2),
                   {1, 3, frames, crop, crop});
  std::vector<Tensor> pathways{fast};
  if (net->inputs(1, crop).size() == 2)
    pathways = {slow_frames(fast, frames / golden.config.get<int64_t>("SLOWFAST.ALPHA")), fast};
  Inference network(*net, crop, {});
  const auto scores = network.run(clips_of(pathways, DType::f32)).scores;
  EXPECT_LT(difference(scores.span<float>(), golden.file.at("eval_large.output").span<float>()),
            1e-5);
}

// 1e-4 of each statistic; of the mean, which may vanish, 1e-4 of the deviation.
TEST_P(SmallNetworks, StagesHaveTheOriginalsStatistics) {
  const auto net = model(DType::f32);
  const auto clips = golden.batch(DType::f32);
  Inference network(*net, clips[0][0].shape()[1], {.max_batch = 2, .keep_stages = true});
  const auto result = network.run(clips);
  size_t compared = 0;
  for (const auto& [name, value] : result.stages) {
    ASSERT_TRUE(golden.file.contains(name + ".first64")) << name;
    const Tensor stage = channels_first_from_last(value);
    const Statistics found = statistics(stage);
    const auto wanted = golden.file.at(name + ".mean_std_absmax").span<float>();
    EXPECT_NEAR(found.mean, wanted[0], 1e-4 * wanted[1]) << name;
    EXPECT_NEAR(found.deviation, wanted[1], 1e-4 * wanted[1]) << name;
    EXPECT_NEAR(found.largest, wanted[2], 1e-4 * wanted[2]) << name;
    EXPECT_LT(
        difference(stage.span<float>().first(64), golden.file.at(name + ".first64").span<float>()),
        1e-4 * wanted[2])
        << name;
    ++compared;
  }
  EXPECT_EQ(compared, size_t(std::ranges::count_if(golden.file.tensors, [](const auto& t) {
              return t.first.ends_with(".first64");
            })));
}

// A chunk of the batch, or clip by clip: one answer.
TEST_P(SmallNetworks, ChunksDoNotChangeTheScores) {
  const auto net = model(DType::f32);
  const auto clips = golden.batch(DType::f32);
  const int64_t crop = clips[0][0].shape()[1];
  Inference together(*net, crop, {.max_batch = 2}),
      alone(*net, crop, {.max_batch = 2, .memory_limit_bytes = 1});
  EXPECT_EQ(together.chunk(), 2);
  EXPECT_EQ(alone.chunk(), 1);
  const auto a = together.run(clips).scores, b = alone.run(clips).scores;
  // The kernels may block their sums otherwise for another batch: some roundings of a probability.
  EXPECT_LT(difference(a.span<float>(), b.span<float>()), 1e-6);
}

const auto kClassifiers =
    testing::Values("c2d_r50", "i3d_nln_r50", "slow_r50", "slowfast_4x16", "slowfast_r50");
const auto kDetectors = testing::Values("ava_slow_r50", "ava_slowfast_r50");
const auto kItself = [](const auto& info) { return std::string(info.param); };
INSTANTIATE_TEST_SUITE_P(Golden, SmallNetworks, kClassifiers, kItself);
INSTANTIATE_TEST_SUITE_P(Golden, SmallClassifiers, kClassifiers, kItself);
INSTANTIATE_TEST_SUITE_P(Boxes, SmallNetworks, kDetectors, kItself);

}  // namespace
}  // namespace sf
