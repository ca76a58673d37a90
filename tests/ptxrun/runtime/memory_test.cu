// Memory of the stand-in runtime: allocation, copies, fills, and what it refuses.
#include <numeric>

#include "program.h"

namespace ptxrun_test {
namespace {

std::vector<int> counting(size_t n) {
  std::vector<int> values(n);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

TEST(Memory, CopiesInAllDirections) {
  const auto values = counting(1000);
  const size_t bytes = values.size() * sizeof(int);
  const DeviceBuffer first(values);
  const DeviceBuffer<int> second(values.size());
  ASSERT_EQ(cudaMemcpy(second.data(), first.data(), bytes, cudaMemcpyDeviceToDevice), cudaSuccess);
  EXPECT_EQ(second.download(), values);
  std::vector<int> host(values.size());
  ASSERT_EQ(cudaMemcpy(host.data(), second.data(), bytes, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(host, values);
  ASSERT_EQ(cudaMemcpyAsync(first.data(), host.data() + 1, bytes - 4, cudaMemcpyDefault, nullptr),
            cudaSuccess);
  EXPECT_EQ(first.download()[0], 2);
}

TEST(Memory, PitchedCopiesAndFills) {
  const DeviceBuffer<unsigned char> device(8 * 16);
  ASSERT_EQ(cudaMemset2D(device.data(), 16, 7, 5, 8), cudaSuccess);
  std::vector<unsigned char> host(8 * 5);
  ASSERT_EQ(cudaMemcpy2D(host.data(), 5, device.data(), 16, 5, 8, cudaMemcpyDeviceToHost),
            cudaSuccess);
  EXPECT_EQ(host, std::vector<unsigned char>(40, 7));
  ASSERT_EQ(cudaMemsetAsync(device.data(), 0, 8 * 16, nullptr), cudaSuccess);
  EXPECT_EQ(device.download(), std::vector<unsigned char>(128, 0));
}

TEST(Memory, NewMemoryIsNaN) {
  const auto values = DeviceBuffer<float>(100).download();
  for (float value : values) EXPECT_NE(value, value);
}

// Beside a hole that tests before left, the first buffer may lie elsewhere.
TEST(Memory, FreedMemoryIsReused) {
  constexpr size_t kBytes = size_t{1} << 20;
  void* data[3];
  for (void*& buffer : data) {
    ASSERT_EQ(cudaMallocAsync(&buffer, kBytes, nullptr), cudaSuccess);
    ASSERT_EQ(cudaFreeAsync(buffer, nullptr), cudaSuccess);
  }
  EXPECT_EQ(data[1], data[2]);
}

TEST(Memory, MoreThanThereIsIsRefused) {
  size_t free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_LE(free, total);
  void* data = nullptr;
  EXPECT_EQ(cudaMalloc(&data, total + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(data, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST(Memory, PoolsCount) {
  cudaMemPool_t pool;
  ASSERT_EQ(cudaDeviceGetDefaultMemPool(&pool, 0), cudaSuccess);
  uint64_t threshold = ~0ull, found = 0, before = 0, after = 0;
  ASSERT_EQ(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold),
            cudaSuccess);
  ASSERT_EQ(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &found), cudaSuccess);
  EXPECT_EQ(found, threshold);
  ASSERT_EQ(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &before), cudaSuccess);
  void* data;
  ASSERT_EQ(cudaMallocFromPoolAsync(&data, 1000, pool, nullptr), cudaSuccess);
  ASSERT_EQ(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &after), cudaSuccess);
  EXPECT_EQ(after - before, 1000);
  ASSERT_EQ(cudaFreeAsync(data, nullptr), cudaSuccess);
  EXPECT_EQ(cudaMemPoolTrimTo(pool, 0), cudaSuccess);
  EXPECT_EQ(cudaMemPoolTrimTo(nullptr, 0), cudaErrorInvalidValue);
}

__global__ void add_one(int* x) { x[threadIdx.x] += 1; }

TEST(Memory, PinnedMemoryIsSeenByBothSides) {
  int* pinned = nullptr;
  ASSERT_EQ(cudaHostAlloc(&pinned, 32 * sizeof(int), cudaHostAllocDefault), cudaSuccess);
  for (int i = 0; i < 32; ++i) pinned[i] = i;
  add_one<<<1, 32>>>(pinned);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  for (int i = 0; i < 32; ++i) EXPECT_EQ(pinned[i], i + 1);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(pinned), cudaErrorInvalidValue);
}

TEST(Memory, ManagedMemoryIsFreedWithTheDevices) {
  int* managed = nullptr;
  ASSERT_EQ(cudaMallocManaged(&managed, 32 * sizeof(int)), cudaSuccess);
  managed[0] = 1;
  cudaPointerAttributes attributes;
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, managed), cudaSuccess);
  EXPECT_EQ(attributes.devicePointer, managed);
  EXPECT_EQ(cudaFree(managed), cudaSuccess);
}

TEST(Memory, WrongRangesAreRefused) {
  const DeviceBuffer<int> device(10);
  std::vector<int> host(20);
  const auto copy = [](void* to, const void* from, size_t count, cudaMemcpyKind kind) {
    return cudaMemcpy(to, from, count * sizeof(int), kind);
  };
  EXPECT_EQ(copy(device.data(), host.data(), 11, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(copy(host.data(), device.data(), 11, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(copy(host.data(), host.data() + 10, 1, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(copy(device.data(), device.data(), 1, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(copy(device.data(), host.data(), 1, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(device.data(), 0, 11 * sizeof(int)), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(device.data() + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(host.data()), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  cudaGetLastError();
}

// As on a GPU; the stand-in names the reason.
TEST(Memory, TheHostCannotTouchDeviceMemory) {
  const DeviceBuffer<int> device(10);
  EXPECT_DEATH(
      {
        volatile int value = *device.data();
        (void)value;
      },
      "the host touched device memory");
  add_one<<<1, 10>>>(device.data());  // closed again after a launch
  EXPECT_DEATH(*device.data() = 1, "the host touched device memory");
}

}  // namespace
}  // namespace ptxrun_test
