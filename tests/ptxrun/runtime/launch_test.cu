// Launches: arguments, limits, attributes, variables, errors that stay.
#include "program.h"

namespace ptxrun_test {
namespace {

struct Line {
  double slope;
  int offset;
};
__global__ void evaluate(const float* x, double* y, Line line, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = line.slope * x[i] + line.offset;
}

TEST(Launch, ArgumentsArriveBySyntaxAndByCall) {
  const int n = 100;
  const DeviceBuffer x(std::vector<float>(n, 3.f));
  const DeviceBuffer<double> y(n), z(n);
  Line line{2, 1};
  evaluate<<<4, 32>>>(x.data(), y.data(), line, n);
  const float* from = x.data();
  double* to = z.data();
  int count = n;
  void* arguments[] = {&from, &to, &line, &count};
  ASSERT_EQ(cudaLaunchKernel((const void*)evaluate, 4, 32, arguments, 0, nullptr), cudaSuccess);
  EXPECT_EQ(y.download(), std::vector<double>(n, 7));
  EXPECT_EQ(z.download(), std::vector<double>(n, 7));
}

__global__ void __launch_bounds__(64) bounded(int* x) { x[threadIdx.x] = threadIdx.x; }

__global__ void dynamic(int* x, int n) {
  extern __shared__ int shared[];
  for (int i = threadIdx.x; i < n; i += blockDim.x) shared[i] = i;
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) x[i] = shared[n - 1 - i];
}

TEST(Launch, LimitsOfDeviceAndKernelHold) {
  const DeviceBuffer<int> x(2048);
  bounded<<<1, 64>>>(x.data());
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  bounded<<<1, 65>>>(x.data());
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  bounded<<<0, 64>>>(x.data());
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  dynamic<<<1, 1025>>>(x.data(), 1);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  dynamic<<<dim3(1, 65536), 32>>>(x.data(), 1);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);  // none of them stays
}

TEST(Launch, MuchSharedMemoryMustBeAskedFor) {
  constexpr int kCount = 20000, kBytes = kCount * sizeof(int);
  const DeviceBuffer<int> x(kCount);
  dynamic<<<1, 32, kBytes>>>(x.data(), kCount);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  constexpr auto kMaxDynamic = cudaFuncAttributeMaxDynamicSharedMemorySize;
  EXPECT_EQ(cudaFuncSetAttribute(dynamic, kMaxDynamic, 1 << 20), cudaErrorInvalidValue);
  ASSERT_EQ(cudaFuncSetAttribute(dynamic, kMaxDynamic, kBytes), cudaSuccess);
  cudaGetLastError();
  dynamic<<<1, 32, kBytes>>>(x.data(), kCount);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(x.download()[0], kCount - 1);
}

TEST(Launch, AttributesAndOccupancy) {
  cudaFuncAttributes attributes;
  ASSERT_EQ(cudaFuncGetAttributes(&attributes, bounded), cudaSuccess);
  EXPECT_EQ(attributes.maxThreadsPerBlock, 64);
  int blocks = 0;
  // By threads: 2048 / 256. By shared memory: 164 KiB over 40 + 1.
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, evaluate, 256, 0), cudaSuccess);
  EXPECT_EQ(blocks, 8);
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, evaluate, 256, 40 << 10),
            cudaSuccess);
  EXPECT_EQ(blocks, 4);
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, bounded, 256, 0), cudaSuccess);
  EXPECT_EQ(blocks, 0);
}

TEST(Launch, UnsupportedAttributesAreRefused) {
  EXPECT_EQ(cudaFuncSetAttribute(bounded, cudaFuncAttributeNonPortableClusterSizeAllowed, 1),
            cudaErrorNotSupported);
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim.x = 2;
  cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = 2;
  config.blockDim = 32;
  config.attrs = &cluster;
  config.numAttrs = 1;
  const DeviceBuffer<int> x(32);
  int* data = x.data();
  void* arguments[] = {&data};
  EXPECT_EQ(cudaLaunchKernelExC(&config, (const void*)bounded, arguments), cudaErrorNotSupported);
  cluster.val.clusterDim.x = 1;
  EXPECT_EQ(cudaLaunchKernelExC(&config, (const void*)bounded, arguments), cudaSuccess);
  cudaGetLastError();
}

__constant__ float factors[4];
__device__ int counter = 5;
__global__ void use_variables(float* x) {
  x[threadIdx.x] = factors[threadIdx.x];
  if (threadIdx.x == 0) counter += 1;
}

TEST(Launch, VariablesAreCopied) {
  const std::vector<float> values{1, 2, 3, 4};
  ASSERT_EQ(cudaMemcpyToSymbol(factors, values.data(), 16), cudaSuccess);
  const DeviceBuffer<float> x(4);
  use_variables<<<1, 4>>>(x.data());
  EXPECT_EQ(x.download(), values);
  int count = 0;
  ASSERT_EQ(cudaMemcpyFromSymbol(&count, counter, sizeof count), cudaSuccess);
  EXPECT_EQ(count, 6);
  EXPECT_EQ(cudaMemcpyToSymbol(factors, values.data(), 20), cudaErrorInvalidSymbol);
  void* address = nullptr;
  ASSERT_EQ(cudaGetSymbolAddress(&address, counter), cudaSuccess);
  ASSERT_EQ(cudaMemset(address, 0, sizeof count), cudaSuccess);
  cudaGetLastError();
}

__global__ void past_the_end(int* x, int n) { x[n + threadIdx.x] = 1; }

bool the_error_stays() {
  const DeviceBuffer<int> x(8);
  past_the_end<<<1, 1>>>(x.data(), 8);
  return cudaGetLastError() == cudaErrorLaunchFailure &&
         cudaDeviceSynchronize() == cudaErrorLaunchFailure &&
         cudaGetLastError() == cudaErrorLaunchFailure;
}

// In a process of its own, since it stays.
TEST(Launch, AnErrorInAKernelStaysAndIsNamed) {
  EXPECT_EXIT(std::exit(the_error_stays() ? 0 : 1), testing::ExitedWithCode(0),
              "past_the_end.*out-of-bounds global store");
}

}  // namespace
}  // namespace ptxrun_test
