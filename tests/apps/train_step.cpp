// Steps of training whose plans share memory or make cheap values again.
#include "apps/engine/train_step.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "models/weights.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

// A small SlowFast with clips of three crops, as in the short cycle of multigrid training.
class ThreeCrops {
 public:
  explicit ThreeCrops(const TrainStepOptions& options)
      : golden_("slowfast_4x16"), config_(golden_.config) {
    config_.set("MULTIGRID.SHORT_CYCLE", "True");
    model_ = make_model(config_, DType::f32);
    fill_counter_weights(*model_);
    optimizer_ = std::make_unique<Optimizer>(*model_, config_);
    optimizer_->set_learning_rate(0.01);
    for (const int64_t crop : kCrops) {
      TrainStepOptions one = options;
      one.batch = kClips;
      one.crop = crop;
      steps_.push_back(std::make_unique<TrainStep>(*model_, *optimizer_, config_, one));
    }
  }

  // Losses, norms and logits of six steps, then the parameters and the optimizer's state.
  std::vector<Tensor> run() {
    std::vector<Tensor> found;
    for (int64_t i = 0; i < 6; ++i) {
      std::vector<Tensor> clips;
      for (const TensorType& type : model_->inputs(kClips, kCrops[i % 3]))
        clips.push_back(Tensor::from(
            counter_uniform(cat("clip", clips.size(), ".", i), type.shape.numel(), -2, 2),
            type.shape));
      optimizer_->set_step(i + 1);
      const auto r = steps_[size_t(i % 3)]->run(clips, Tensor::from<int64_t>({1, 3}, {kClips}), i);
      found.push_back(Tensor::from<double>({r.loss, r.gradient_norm}, {2}));
      found.push_back(r.logits);
    }
    for (const Parameter& p : model_->parameters()) found.push_back(p.tensor);
    for (const auto& [name, tensor] : optimizer_->state()) found.push_back(tensor);
    return found;
  }

  size_t largest_bytes() const {
    size_t most = 0;
    for (const auto& step : steps_) most = std::max(most, step->plan().arena_bytes());
    return most;
  }

 private:
  static constexpr int64_t kClips = 2, kCrops[] = {48, 64, 32};
  SmallCase golden_;
  Config config_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<std::unique_ptr<TrainStep>> steps_;
};

void expect_equal_bits(const std::vector<Tensor>& found, const std::vector<Tensor>& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].type(), wanted[i].type()) << i;
    EXPECT_EQ(std::memcmp(found[i].data(), wanted[i].data(), size_t(found[i].type().bytes())), 0)
        << "tensor " << i;
  }
}

// Tiny features and a head as large as float32 allows: the loss is finite, the gradients of the
// features, sums over classes of opposite signs, are not.
TEST(TrainStep, GradientsThatOverflowTouchNoParameter) {
  for (const int accumulate : {1, 2}) {
    SCOPED_TRACE(accumulate);
    const SmallCase golden("slowfast_4x16");
    const auto crop = golden.config.get<int64_t>("DATA.TRAIN_CROP_SIZE");
    const auto model = make_model(golden.config, DType::f32);
    fill_counter_weights(*model);
    for (const Parameter& p : model->parameters()) {
      const auto values = p.tensor.span<float>();
      const bool head = p.name == "head.projection.weight";
      if (!head && p.name.find("bn.") == std::string::npos) continue;
      const size_t row = values.size() / size_t(p.tensor.shape()[0]);
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = !head ? 1e-10F : i / row % 2 == 0 ? 3e38F : -3e38F;
    }
    const Optimizer optimizer(*model, golden.config);
    TrainStep step(*model, optimizer, golden.config,
                   {.batch = 1, .crop = crop, .accumulate = accumulate});
    std::vector<Tensor> clips, before;
    for (const TensorType& type : model->inputs(1, crop))
      clips.push_back(Tensor::from(counter_uniform("clip", type.shape.numel(), -2, 2), type.shape));
    for (const Parameter& p : optimizer.parameters()) before.push_back(p.tensor.clone());
    const auto all_batches = [&] {
      for (int batch = 0; batch < accumulate; ++batch)
        EXPECT_TRUE(std::isfinite(step.run(clips, Tensor::from<int64_t>({1}, {1}), batch).loss));
    };
    EXPECT_THROW(all_batches(), NotFiniteLoss);
    std::vector<Tensor> after;
    for (const Parameter& p : optimizer.parameters()) after.push_back(p.tensor);
    expect_equal_bits(after, before);
  }
}

TEST(TrainStep, CropsShareTheMemoryOfTheLargestAndChangeNoBit) {
  const auto memory = std::make_shared<ArenaMemory>();
  ThreeCrops shared({.memory = memory}), separate({});
  EXPECT_EQ(memory->bytes(), shared.largest_bytes());
  expect_equal_bits(shared.run(), separate.run());
}

TEST(TrainStep, AccumulationInSharedMemoryChangesNoBit) {
  const auto memory = std::make_shared<ArenaMemory>();
  ThreeCrops shared({.accumulate = 2, .memory = memory}), separate({.accumulate = 2});
  expect_equal_bits(shared.run(), separate.run());
}

TEST(TrainStep, RecomputingChangesNoBitAndTakesLessMemory) {
  for (const int accumulate : {1, 2}) {
    ThreeCrops again({.accumulate = accumulate, .recompute = true}),
        kept({.accumulate = accumulate});
    EXPECT_LT(again.largest_bytes(), kept.largest_bytes());
    expect_equal_bits(again.run(), kept.run());
  }
}

}  // namespace
}  // namespace sf
