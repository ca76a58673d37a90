// Several devices: each thread has its current one, and what belongs to another is refused.
#include <thread>

#include "program.h"

namespace ptxrun_test {
namespace {

__global__ void count_up(int* data) { data[threadIdx.x] += int(threadIdx.x); }

__global__ void with_much_shared_memory(int* data) {
  extern __shared__ int much[];
  much[threadIdx.x] = data[threadIdx.x];
  data[threadIdx.x] = much[threadIdx.x] + 1;
}

// Shows two devices while it lives; the thread's is the first again afterwards.
class TwoDevices {
 public:
  TwoDevices() { setenv("PTXRUN_DEVICES", "2", 1); }
  ~TwoDevices() {
    cudaSetDevice(0);
    unsetenv("PTXRUN_DEVICES");
    cudaGetLastError();
  }
  TwoDevices(const TwoDevices&) = delete;
  TwoDevices& operator=(const TwoDevices&) = delete;
};

int current() {
  int device = -1;
  EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
  return device;
}

TEST(Devices, EveryThreadHasItsOwn) {
  const TwoDevices devices;
  int count = 0;
  ASSERT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 2);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  EXPECT_EQ(current(), 1);
  std::thread([] { EXPECT_EQ(current(), 0); }).join();
  EXPECT_EQ(cudaSetDevice(2), cudaErrorInvalidDevice);
  EXPECT_EQ(current(), 1);
  cudaDeviceProp properties;
  EXPECT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_EQ(current(), 1);
}

TEST(Devices, EachRunsItsKernelsOnItsMemoryAndCopiesToOthers) {
  const TwoDevices devices;
  const DeviceBuffer<int> first(std::vector<int>(32, 1));
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  const DeviceBuffer<int> second(32);
  cudaPointerAttributes attributes;
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, second.data()), cudaSuccess);
  EXPECT_EQ(attributes.device, 1);
  ASSERT_EQ(cudaMemcpy(second.data(), first.data(), 32 * sizeof(int), cudaMemcpyDefault),
            cudaSuccess);
  count_up<<<1, 32>>>(second.data());
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(second.download()[31], 32);
  EXPECT_EQ(first.download()[31], 1);
}

TEST(Devices, StreamsAndEventsBelongToOne) {
  const TwoDevices devices;
  cudaStream_t stream;
  cudaEvent_t there, here;
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&there), cudaSuccess);
  const DeviceBuffer<int> data(std::vector<int>(32, 1));
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&here), cudaSuccess);
  count_up<<<1, 32, 0, stream>>>(data.data());
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventRecord(here, stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventRecord(there, stream), cudaSuccess);
  // Waits and copies work from any device.
  EXPECT_EQ(cudaEventRecord(here, nullptr), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(stream, here, 0), cudaSuccess);
  EXPECT_EQ(cudaMemsetAsync(data.data(), 0, 8, stream), cudaSuccess);
  float milliseconds;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, here, there), cudaErrorInvalidResourceHandle);
  ASSERT_EQ(cudaEventDestroy(there), cudaSuccess);
  ASSERT_EQ(cudaEventDestroy(here), cudaSuccess);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST(Devices, MuchSharedMemoryIsAllowedOnOne) {
  const TwoDevices devices;
  constexpr int kBytes = 64 << 10;
  const DeviceBuffer<int> first(std::vector<int>(32, 1));
  ASSERT_EQ(cudaFuncSetAttribute(reinterpret_cast<const void*>(with_much_shared_memory),
                                 cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes),
            cudaSuccess);
  with_much_shared_memory<<<1, 32, kBytes>>>(first.data());
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  const DeviceBuffer<int> second(std::vector<int>(32, 1));
  with_much_shared_memory<<<1, 32, kBytes>>>(second.data());
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
}

bool a_kernel_reaches_other_memory() {
  const TwoDevices devices;
  const DeviceBuffer<int> first(std::vector<int>(32, 1));
  cudaSetDevice(1);
  count_up<<<1, 32>>>(first.data());
  return cudaDeviceSynchronize() == cudaSuccess;
}

TEST(Devices, AKernelSeesNoMemoryOfAnother) {
  EXPECT_EXIT(std::exit(a_kernel_reaches_other_memory() ? 1 : 0), testing::ExitedWithCode(0),
              "out-of-bounds global load");
}

}  // namespace
}  // namespace ptxrun_test
