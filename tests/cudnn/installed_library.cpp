// The library of this machine, planning for an H100 that the machine need not have: it takes what
// the rows tell it. Nothing runs.

#include "kernels/base/cuda/libraries.h"
#include "tests/cudnn/rows.h"

namespace sf {
namespace {

using namespace sf::test;

constexpr const char* kH100 = R"({
  "deviceName": "NVIDIA H100 80GB HBM3", "deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0,
  "pciDeviceId": 0, "multiProcessorCount": 132, "totalGlobalMem": 85520809984,
  "l2CacheSize": 52428800, "smClockRateKHz": 1980000, "memClockRateKHz": 2619000, "warpSize": 32,
  "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
  "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "maxCtasPerSM": 32, "regsPerBlock": 65536,
  "maxRegistersPerSM": 65536, "maxSharedMemoryPerBlock": 49152,
  "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024, "isTccDriver": 0,
  "supportCoopLaunch": 1})";

// Half types with an epilogue want kernels that cuDNN compiles with the driver's help, so these are
// the problems that it can plan without a driver.
TEST(InstalledCudnnSlow, PlansTheNetworksInFloat32) {
  if (!cudnn::loaded_library()) GTEST_SKIP() << describe_cudnn();
  cudnn::Library library = *cudnn::loaded_library();
  library.device_text = kH100;
  library.current_device = [] { return 0; };
  const cudnn::LibraryScope scope(library);
  for (const auto& c : slowfast_conv3d_cases(2, 224)) {
    EXPECT_TRUE(cudnn_row(kConv3d).can_run(c.problem)) << c.name;
    EXPECT_TRUE(cudnn_row(kConv3dData).can_run(c.problem)) << c.name;
    EXPECT_TRUE(cudnn_row(kConv3dWeight).can_run(plain(c.problem))) << c.name;
    Conv3dProblem half = plain(c.problem);
    half.dtype = DType::bf16;
    EXPECT_TRUE(cudnn_row(kConv3d).can_run(half)) << c.name;
    EXPECT_TRUE(cudnn_row(kConv3dData).can_run(half)) << c.name;
  }
}

}  // namespace
}  // namespace sf
