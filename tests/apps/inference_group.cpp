// Devices that share batches out give the scores of one.
#include "apps/engine/inference_group.h"

#include <cstring>

#include <gtest/gtest.h>

#include "kernels/base/cuda/runtime.h"
#include "models/weights.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

using Clips = std::vector<std::vector<Tensor>>;

void expect_scores_of_one(std::span<const Device> devices) {
  const SmallCase golden("slowfast_4x16");
  const auto model = make_model(golden.config);
  fill_counter_weights(*model);
  const auto crop = golden.config.get<int64_t>("DATA.TEST_CROP_SIZE");
  const auto clips = [&](int begin, int end) {
    Clips all;
    for (int i = begin; i < end; ++i) {
      all.emplace_back();
      for (const TensorType& type : model->inputs(1, crop))
        all.back().push_back(Tensor::from(
            counter_uniform(cat("clip", all.back().size(), ".", i), type.shape.numel(), -2, 2),
            type.shape));
    }
    return all;
  };
  const auto wanted_model = make_model(golden.config);
  fill_counter_weights(*wanted_model);
  Inference one(*wanted_model, crop, {.device = devices[0]});
  InferenceGroup group(*model, golden.config, crop, devices, {.max_batch = 2});
  // Whole batches, odd ones, fewer clips than devices, one started before the last is finished.
  std::deque<std::pair<int, int>> started;
  const auto finish = [&] {
    const auto [begin, end] = started.front();
    started.pop_front();
    const Inference::Result found = group.finish(), wanted = one.run(clips(begin, end));
    ASSERT_EQ(found.scores.type(), wanted.scores.type());
    for (const auto& [a, b] :
         {std::pair(found.scores, wanted.scores), {found.logits, wanted.logits}})
      EXPECT_EQ(std::memcmp(a.data(), b.data(), size_t(a.type().bytes())), 0)
          << begin << " " << end;
  };
  for (const auto& [begin, end] : {std::pair(0, 2), {2, 5}, {5, 6}, {6, 8}, {8, 10}}) {
    group.start(clips(begin, end));
    started.emplace_back(begin, end);
    if (started.size() > group.ahead()) finish();
  }
  while (!started.empty()) finish();
}

TEST(InferenceGroup, GivesTheScoresOfOneDevice) {
  for (const size_t count : {1, 2, 3}) {
    SCOPED_TRACE(count);
    expect_scores_of_one(std::vector<Device>(count));
  }
}

TEST(CudaInferenceGroup, GivesTheScoresOfOneDevice) {
  std::vector<Device> devices;
  for (int i = 0; i < std::min(cuda::device_count(), 3); ++i)
    devices.push_back({.backend = Backend::cuda, .index = i});
  if (devices.size() < 2) GTEST_SKIP() << "fewer than two devices: " << cuda::describe_devices();
  expect_scores_of_one(devices);
}

}  // namespace
}  // namespace sf
