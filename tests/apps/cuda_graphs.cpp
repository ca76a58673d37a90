// Steps of training and inference as CUDA graphs change no bit: on a GPU or its stand-in.
#include <cstdlib>
#include <cstring>
#include <utility>

#include <gtest/gtest.h>

#include "apps/engine/train_step.h"
#include "kernels/base/cuda/runtime.h"
#include "models/weights.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

// Six batches under AdamW and dropout, the rate, the scale of the loss and the draws others each
// time, the third one without a step as its gradients overflow: losses, norms and logits, then the
// parameters and the optimizer's state.
std::vector<Tensor> train(int accumulate) {
  constexpr Device kCuda{.backend = Backend::cuda};
  constexpr int64_t kClips = 2, kCrop = 32;
  SmallCase golden("slowfast_4x16");
  golden.config.set("SOLVER.OPTIMIZING_METHOD", "adamw");
  golden.config.set("MODEL.DROPOUT_RATE", "0.5");
  golden.config.set("MULTIGRID.SHORT_CYCLE", "True");  // crops smaller than that of a test
  const auto model = make_model(golden.config, DType::f32);
  fill_counter_weights(*model);
  Optimizer optimizer(*model, golden.config);
  LossScaler scaler;
  TrainStep step(*model, optimizer, golden.config,
                 {.batch = kClips,
                  .crop = kCrop,
                  .accumulate = accumulate,
                  .scaler = &scaler,
                  .device = kCuda});
  std::vector<Tensor> found;
  for (int i = 0; i < 6; ++i) {
    std::vector<Tensor> clips;
    for (const TensorType& type : model->inputs(kClips, kCrop))
      clips.push_back(Tensor::from(
          counter_uniform(cat("clip", clips.size(), ".", i), type.shape.numel(), -2, 2),
          type.shape));
    optimizer.set_learning_rate(0.01 / (1 + i));
    optimizer.set_step(i / accumulate + 1);
    scaler.restore(i == 2 ? 1e38 : 1024.0 * (1 + i), 0);
    const auto r = step.run(clips, Tensor::from<int64_t>({1, 3}, {kClips}), i);
    EXPECT_EQ(r.skipped, i == 2 + (accumulate - 1)) << i;
    found.push_back(Tensor::from<double>({r.loss, r.gradient_norm}, {2}));
    found.push_back(r.logits);
  }
  EXPECT_EQ(step.plan().recorded_runs(), std::getenv("SF_CUDA_GRAPHS") ? 0U : 2U);
  for (const Parameter& p : model->parameters()) found.push_back(p.tensor.to(Device{}));
  for (const auto& [name, tensor] : optimizer.state()) found.push_back(tensor.to(Device{}));
  return found;
}

TEST(CudaGraphsOfTraining, ChangeNoBit) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  for (const int accumulate : {1, 2}) {
    SCOPED_TRACE(accumulate);
    const auto found = train(accumulate);
    setenv("SF_CUDA_GRAPHS", "0", 1);
    const auto wanted = train(accumulate);
    unsetenv("SF_CUDA_GRAPHS");
    ASSERT_EQ(found.size(), wanted.size());
    for (size_t i = 0; i < found.size(); ++i)
      ASSERT_EQ(std::memcmp(found[i].data(), wanted[i].data(), size_t(found[i].type().bytes())), 0)
          << "tensor " << i;
    EXPECT_NE(found[0].span<double>()[0], found[2].span<double>()[0]);
  }
}

// Two clips together and one alone, in plans that share their memory, so that each clip is fed
// anew.
TEST(CudaGraphsOfInference, ChangeNoBit) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  const SmallCase golden("slowfast_4x16");
  const auto model = make_model(golden.config, DType::f32);
  fill_counter_weights(*model);
  auto clips = golden.batch(DType::f32);
  clips.push_back(clips[0]);
  Inference network(*model, clips[0][0].shape()[1],
                    {.device = {.backend = Backend::cuda}, .max_batch = 2});
  ASSERT_EQ(network.chunk(), 2);
  const Tensor wanted = network.run(clips).logits;
  EXPECT_EQ(network.plan().recorded_runs(), 0U);
  std::swap(clips[0], clips[1]);
  network.run(clips);
  std::swap(clips[0], clips[1]);
  const Tensor found = network.run(clips).logits;
  EXPECT_EQ(network.plan().recorded_runs(), 1U);
  EXPECT_EQ(std::memcmp(found.data(), wanted.data(), size_t(wanted.type().bytes())), 0);
}

}  // namespace
}  // namespace sf
