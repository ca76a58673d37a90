// A planned step run again and again on the same batch gives the same bits each time: nothing that
// it computes depends on the order in which threads and blocks run, on what lies in its memory, or,
// on a GPU, on whether its launches are queued one by one or as a graph.
#include <cstdlib>
#include <cstring>
#include <functional>

#include "apps/engine/train_step.h"
#include "kernels/base/cuda/runtime.h"
#include "kernels/simt/order.h"
#include "tests/apps/counter_clips.h"

namespace sf {
namespace {

Config tiny_network() {
  return Config::load(
      std::filesystem::path(SF_SOURCE_DIR) / "configs/synthetic/SLOWFAST_TINY.yaml",
      std::vector<std::string>{"RESNET.WIDTH_PER_GROUP", "4", "DATA.NUM_FRAMES", "4",
                               "SLOWFAST.ALPHA", "2", "DATA.TRAIN_CROP_SIZE", "32",
                               "DATA.TEST_CROP_SIZE", "32", "SOLVER.WEIGHT_DECAY", "0"});
}

// run(i) gives what the i-th run computed.
void expect_same_bits(int runs, const std::function<std::vector<Tensor>(int)>& run) {
  const std::vector<Tensor> wanted = run(0);
  for (int i = 1; i < runs; ++i) {
    const std::vector<Tensor> found = run(i);
    ASSERT_EQ(found.size(), wanted.size());
    for (size_t t = 0; t < found.size(); ++t)
      ASSERT_EQ(std::memcmp(found[t].data(), wanted[t].data(), size_t(found[t].type().bytes())), 0)
          << "run " << i << ", tensor " << t;
  }
}

// Loss, norm, logits and every gradient of a step that moves no parameter, since the rate is 0.
void train_again_and_again(Device device, std::optional<DType> half, int runs) {
  constexpr int64_t kClips = 1, kCrop = 32;
  const Config config = tiny_network();
  const auto model = counter_model(config);
  Optimizer optimizer(*model, config);
  optimizer.set_learning_rate(0);
  TrainStep step(
      *model, optimizer, config,
      {.batch = kClips, .crop = kCrop, .keep_gradients = true, .half = half, .device = device});
  const std::vector<Tensor> clips = counter_batch(*model, kClips, kCrop);
  const Tensor labels = Tensor::from<int64_t>({3}, {kClips});
  expect_same_bits(runs, [&](int i) {
    simt::ScopedSeed order(unsigned(i % 5));
    optimizer.set_step(i + 1);
    const TrainStep::Result result = step.run(clips, labels, 7);
    std::vector<Tensor> all = {Tensor::from<double>({result.loss, result.gradient_norm}, {2}),
                               result.logits};
    for (const auto& [name, gradient] : step.gradients()) all.push_back(gradient.to(Device{}));
    return all;
  });
}

void infer_again_and_again(Device device, std::optional<DType> half, int runs) {
  const Config config = tiny_network();
  const auto model = counter_model(config);
  Inference network(*model, 32, {.device = device, .half = half});
  const auto clips = counter_clips(*model, 1, 32);
  expect_same_bits(runs, [&](int i) {
    simt::ScopedSeed order(unsigned(i % 5));
    return std::vector{network.run(clips).logits};
  });
}

class RepeatedStepsSlow : public ::testing::TestWithParam<std::optional<DType>> {};
INSTANTIATE_TEST_SUITE_P(Types, RepeatedStepsSlow,
                         ::testing::Values(std::optional<DType>{}, DType::bf16),
                         [](const auto& info) {
                           return std::string(name_of(info.param.value_or(DType::f32)));
                         });

TEST_P(RepeatedStepsSlow, GiveTheSameBitsOnTheExecutor) {
  train_again_and_again({.backend = Backend::simt}, GetParam(), 100);
  infer_again_and_again({.backend = Backend::simt}, GetParam(), 100);
}

TEST(CudaRepeatedSteps, GiveTheSameBits) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  // The third run is the first that a graph does.
  const bool slow = cuda::device_name(0) == "ptxrun";
  const int runs = slow ? 4 : 100;
  for (const char* graphs : {"1", "0"}) {
    SCOPED_TRACE(cat("SF_CUDA_GRAPHS=", graphs));
    setenv("SF_CUDA_GRAPHS", graphs, 1);
    train_again_and_again({.backend = Backend::cuda}, DType::bf16, runs);
    infer_again_and_again({.backend = Backend::cuda}, DType::bf16, runs);
    if (slow) continue;
    train_again_and_again({.backend = Backend::cuda}, {}, runs);
    infer_again_and_again({.backend = Backend::cuda}, {}, runs);
  }
  unsetenv("SF_CUDA_GRAPHS");
}

}  // namespace
}  // namespace sf
