// Clips that are started before others are finished get their own scores, on every device.
#include "kernels/base/cuda/runtime.h"
#include "tests/apps/counter_clips.h"

namespace sf {
namespace {

using Clips = std::vector<std::vector<Tensor>>;

struct Network {
  explicit Network(Device device) : golden("slowfast_4x16"), model(counter_model(golden.config)) {
    const auto crop = golden.config.get<int64_t>("DATA.TEST_CROP_SIZE");
    inference.emplace(*model, crop, InferenceOptions{.device = device, .max_batch = 2});
    all = counter_clips(*model, 7, crop);
  }
  // As clips that a loader made there.
  void move_clips_to(Device device) const {
    for (const auto& clip : all)
      for (const Tensor& pathway : clip) pathway.move_to(device);
  }
  // Clips of these numbers.
  Clips clips(int begin, int end) const { return {all.begin() + begin, all.begin() + end}; }

  SmallCase golden;
  std::unique_ptr<Model> model;
  std::optional<Inference> inference;
  Clips all;
};

// The second start takes three runs, more than lie between the two ends of a device.
void expect_own_scores(Device device) {
  Network n(device);
  Inference& network = *n.inference;
  const auto first = network.run(n.clips(0, 1)), second = network.run(n.clips(1, 6)),
             third = network.run(n.clips(6, 7));
  network.start(n.clips(0, 1));
  network.start(n.clips(1, 6));
  expect_equal_bits(network.finish(), first);
  network.start(n.clips(6, 7));
  expect_equal_bits(network.finish(), second);
  expect_equal_bits(network.finish(), third);
  EXPECT_NE(std::memcmp(first.logits.data(), third.logits.data(), 4), 0);

  n.move_clips_to(device);
  network.start(n.clips(0, 1));
  network.start(n.clips(1, 6));
  n.all.resize(1);  // those that were started are kept until they are done
  expect_equal_bits(network.finish(), first);
  expect_equal_bits(network.finish(), second);
}

// What a start refuses leaves nothing behind.
void expect_refusals(Device device) {
  Network n(device);
  Inference& network = *n.inference;
  EXPECT_THROW(network.finish(), Error);
  const auto wanted = network.run(n.clips(0, 3));
  Clips bad = n.clips(0, 3);
  bad[2].pop_back();
  EXPECT_THROW(network.start(bad), Error);
  expect_equal_bits(network.run(n.clips(0, 3)), wanted);
}

TEST(InferenceAhead, EveryStartHasItsOwnScores) { expect_own_scores({}); }
TEST(InferenceAhead, WhatIsRefusedLeavesNothingBehind) { expect_refusals({}); }

TEST(CudaInferenceAhead, EveryStartHasItsOwnScores) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  expect_own_scores({.backend = Backend::cuda});
}
TEST(CudaInferenceAhead, WhatIsRefusedLeavesNothingBehind) {
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  expect_refusals({.backend = Backend::cuda});
}

}  // namespace
}  // namespace sf
