// Where a configuration runs: on a machine with a GPU or its stand-in, and on one without.
#include <gtest/gtest.h>

#include "apps/engine/setup.h"
#include "kernels/base/cuda/runtime.h"

namespace sf {
namespace {

Device device_with(const std::vector<std::pair<const char*, const char*>>& settings) {
  Config config;
  for (const auto& [key, value] : settings) config.set(key, value);
  EXPECT_EQ(device_to_plan(config), device_of(config));
  return device_of(config);
}

TEST(CudaOrCpu, AutoIsAGpuIfThereIsOne) {
  const Device gpu{.backend = cuda::device_count() > 0 ? Backend::cuda : Backend::cpu};
  EXPECT_EQ(device_with({}), gpu);
  EXPECT_EQ(device_with({{"NUM_GPUS", "8"}}), gpu);
  EXPECT_EQ(device_with({{"SF.DTYPE", "bf16"}}), gpu);
}

TEST(CudaOrCpu, NoGpusMeanTheCpu) { EXPECT_EQ(device_with({{"NUM_GPUS", "0"}}), Device{}); }

TEST(CudaOrCpu, Float64MeansTheCpu) { EXPECT_EQ(device_with({{"SF.DTYPE", "f64"}}), Device{}); }

TEST(CudaOrCpu, ANamedDeviceIsTakenAtItsWord) {
  EXPECT_EQ(device_with({{"SF.DEVICE", "cpu"}}), Device{});
  EXPECT_EQ(device_with({{"SF.DEVICE", "simt"}, {"NUM_GPUS", "0"}}),
            Device{.backend = Backend::simt});
  if (cuda::device_count() > 0) {
    EXPECT_EQ(device_with({{"SF.DEVICE", "cuda:0"}, {"NUM_GPUS", "0"}}),
              Device{.backend = Backend::cuda});
  }
}

TEST(CudaOrCpu, ProcessesOfAMachineShareTheCpuAndNoGpu) {
  Config config;
  config.set("SF.DEVICE", "cpu");
  EXPECT_EQ(device_of_process(config, 3, 4), Device{});
#if defined(SF_WITH_CUDA)
  config.set("SF.DEVICE", "cuda");
  const int own = cuda::device_count() == 1 ? 0 : 3;
  EXPECT_EQ(device_of_process(config, 3, 4), (Device{.backend = Backend::cuda, .index = own}));
  config.set("SF.DEVICE", "cuda:1");
  EXPECT_EQ(device_of_process(config, 0, 1), (Device{.backend = Backend::cuda, .index = 1}));
  EXPECT_THROW(device_of_process(config, 3, 4), Error);
#endif
}

// Batches of 64 and 8 clips, which three GPUs could not share.
TEST(CudaOrCpu, NumGpusCountsForBatchesWhereThereIsAGpu) {
  Config config;
  config.set("NUM_GPUS", "3");
  if (cuda::device_count() > 0)
    EXPECT_THROW(config.validate(), Error);
  else
    EXPECT_NO_THROW(config.validate());
  config.set("SF.DEVICE", "cpu");
  EXPECT_NO_THROW(config.validate());
}

}  // namespace
}  // namespace sf
