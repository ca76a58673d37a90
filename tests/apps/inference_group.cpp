// Devices that share batches out give the scores of one.
#include "apps/engine/inference_group.h"

#include "apps/engine/setup.h"
#include "kernels/base/cuda/runtime.h"
#include "tests/apps/counter_clips.h"

namespace sf {
namespace {

// Batches of all sizes are split at the same clips as one device with the group's chunk splits
// them: whole chunks, then single clips.
void expect_scores_of_one(std::span<const Device> devices, int64_t max_batch,
                          double memory_limit_bytes = 4e9) {
  const SmallCase golden("slowfast_4x16");
  const auto model = counter_model(golden.config), same = counter_model(golden.config);
  const auto crop = golden.config.get<int64_t>("DATA.TEST_CROP_SIZE");
  const std::vector<std::vector<Tensor>> all = counter_clips(*model, 15, crop);
  const auto clips = [&](size_t begin, size_t end) {
    return std::vector(all.begin() + ptrdiff_t(begin), all.begin() + ptrdiff_t(end));
  };
  InferenceGroup group(*model, golden.config, crop, devices,
                       {.max_batch = max_batch, .memory_limit_bytes = memory_limit_bytes});
  Inference one(*same, crop, {.device = devices[0], .max_batch = group.chunk()});

  auto unfit = clips(0, 3);
  unfit.back().pop_back();
  EXPECT_THROW(group.start(unfit), Error);  // and leaves nothing behind
  EXPECT_THROW(group.finish(), Error);

  std::deque<std::pair<size_t, size_t>> started;
  const auto finish = [&] {
    const auto [begin, end] = started.front();
    started.pop_front();
    expect_equal_bits(group.finish(), one.run(clips(begin, end)));
  };
  for (const auto& [begin, end] : {std::pair<size_t, size_t>(0, 7), {7, 8}, {8, 15}}) {
    group.start(clips(begin, end));
    started.emplace_back(begin, end);
    if (started.size() > group.ahead()) finish();
  }
  while (!started.empty()) finish();
}

TEST(InferenceGroup, GivesTheScoresOfOneDevice) {
  for (const size_t count : {1, 2, 3}) {
    SCOPED_TRACE(count);
    expect_scores_of_one(std::vector<Device>(count), 6);
  }
  expect_scores_of_one(std::vector<Device>(2), 6, 1);  // no room for two clips
}

TEST(CudaInferenceGroup, GivesTheScoresOfOneDevice) {
  std::vector<Device> devices;
  for (int i = 0; i < std::min(cuda::device_count(), 3); ++i)
    devices.push_back({.backend = Backend::cuda, .index = i});
  if (devices.size() < 2) GTEST_SKIP() << "fewer than two devices: " << cuda::describe_devices();
  expect_scores_of_one(devices, 4);
}

TEST(CudaInferenceGroup, TakesAsManyDevicesAsAreWantedAndThere) {
  const int found = cuda::device_count();
  if (found == 0) GTEST_SKIP() << cuda::describe_devices();
  Config config = SmallCase("slowfast_4x16").config;
  const auto devices = [&](const char* gpus, const char* name) {
    config.set("NUM_GPUS", gpus);
    config.set("SF.DEVICE", name);
    return int(choose_devices(config).size());
  };
  EXPECT_EQ(devices("1", "auto"), 1);
  EXPECT_EQ(devices("2", "auto"), std::min(2, found));
  EXPECT_EQ(devices("64", "cuda"), std::min(64, found));
  EXPECT_EQ(devices("2", "cuda:0"), 1);
  EXPECT_EQ(devices("2", "cpu"), 1);
  EXPECT_EQ(devices("0", "auto"), 1);
}

}  // namespace
}  // namespace sf
