// The library of this machine takes what the rows tell it. Nothing runs.
#include <cstdio>

#include "kernels/base/cuda/libraries.h"
#include "tests/cudnn/rows.h"

namespace sf {
namespace {

using namespace sf::test;

// As cuDNN describes one.
constexpr const char* kH100 = R"({
  "deviceName": "NVIDIA H100 80GB HBM3", "deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0,
  "pciDeviceId": 0, "multiProcessorCount": 132, "totalGlobalMem": 85520809984,
  "l2CacheSize": 52428800, "smClockRateKHz": 1980000, "memClockRateKHz": 2619000, "warpSize": 32,
  "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
  "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "maxCtasPerSM": 32, "regsPerBlock": 65536,
  "maxRegistersPerSM": 65536, "maxSharedMemoryPerBlock": 49152,
  "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024, "isTccDriver": 0,
  "supportCoopLaunch": 1})";

struct Taken {
  int forward = 0, data = 0, weight = 0, of = 0;
};

// How many of the layers of SlowFast 8x8 R50 the rows take: forward with their epilogues or
// without, and both gradients.
Taken layers_taken(DType dtype, bool epilogues) {
  Taken taken;
  for (const auto& c : slowfast_conv3d_cases(2, 224)) {
    Conv3dProblem p = c.problem;
    p.dtype = dtype;
    taken.forward += cudnn_row(kConv3d).can_run(epilogues ? p : plain(p));
    taken.data += cudnn_row(kConv3dData).can_run(plain(p));
    taken.weight += cudnn_row(kConv3dWeight).can_run(plain(p));
    ++taken.of;
  }
  return taken;
}

// Without a driver cuDNN compiles no kernels: epilogues and weight gradients of half types wait for
// one.
TEST(InstalledCudnnSlow, PlansForAnH100WithoutOne) {
  if (!cudnn::loaded_library()) GTEST_SKIP() << describe_cudnn();
  cudnn::Library library = *cudnn::loaded_library();
  library.device_text = kH100;
  library.current_device = [] { return 0; };
  const cudnn::LibraryScope scope(library);
  const Taken single = layers_taken(DType::f32, true), half = layers_taken(DType::bf16, false);
  EXPECT_EQ(single.forward, single.of);
  EXPECT_EQ(single.data, single.of);
  EXPECT_EQ(single.weight, single.of);
  EXPECT_EQ(half.forward, half.of);
  EXPECT_EQ(half.data, half.of);
}

// What the laws of all kernels (test_kernels) then run on this machine.
TEST(InstalledCudnnSlow, PlansForTheDeviceOfThisMachine) {
  if (!cudnn::loaded_library()) GTEST_SKIP() << describe_cudnn();
  if (cuda::device_count() == 0) GTEST_SKIP() << cuda::describe_devices();
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
    const Taken taken = layers_taken(dtype, true);
    std::printf("%s: forward %d, by data %d, by weight %d of %d layers\n",
                std::string(name_of(dtype)).c_str(), taken.forward, taken.data, taken.weight,
                taken.of);
    EXPECT_EQ(taken.forward, taken.of);
    EXPECT_EQ(taken.data, taken.of);
    // Not every GPU has an engine for float32 gradients of half types.
    if (dtype == DType::f32) { EXPECT_EQ(taken.weight, taken.of); }
  }
}

}  // namespace
}  // namespace sf
