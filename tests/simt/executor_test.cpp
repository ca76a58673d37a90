// What the executor promises to kernels that are sound.
#include <algorithm>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/launch.h"

namespace sf::simt {
namespace {

__global__ void indices_kernel(int* y) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  y[block * blockDim.x * blockDim.y * blockDim.z + thread] = int(block * 1000 + thread);
}

TEST(Executor, EveryThreadOfEveryBlockRunsOnce) {
  const dim3 grid(3, 4, 5), block(7, 3, 2);
  std::vector<int> wanted, y(60 * 42, -1);
  for (int b = 0; b < 60; ++b)
    for (int t = 0; t < 42; ++t) wanted.push_back(b * 1000 + t);
  for (const unsigned seed : {0, 1, 2, 3}) {
    const ScopedSeed scoped(seed);
    std::fill(y.begin(), y.end(), -1);
    launch(indices_kernel, grid, block, 0, {}, y.data());
    EXPECT_EQ(y, wanted);
  }
}

// The order in which the threads of a block pass two places around a barrier.
__global__ void order_kernel(std::vector<int>* first, std::vector<int>* second) {
  first->push_back(int(threadIdx.x));
  __syncthreads();
  second->push_back(int(threadIdx.x));
}

std::vector<int> order(unsigned seed, bool after_barrier) {
  const ScopedSeed scoped(seed);
  std::vector<int> first, second;
  launch(order_kernel, 1, 70, 0, {}, &first, &second);
  return after_barrier ? second : first;
}

TEST(Executor, SeedsZeroAndOneAreOppositeOrdersAroundBarriers) {
  std::vector<int> ascending(70);
  std::iota(ascending.begin(), ascending.end(), 0);
  for (const bool after_barrier : {false, true}) {
    EXPECT_EQ(order(0, after_barrier), ascending);
    auto descending = order(1, after_barrier);
    std::reverse(descending.begin(), descending.end());
    EXPECT_EQ(descending, ascending);
    auto random = order(2, after_barrier);
    EXPECT_NE(random, ascending);
    EXPECT_EQ(random, order(2, after_barrier));
    std::sort(random.begin(), random.end());
    EXPECT_EQ(random, ascending);
  }
}

__global__ void exchange_kernel(int* y) {
  const int lane = lane_index(), warp = int(threadIdx.x) / kWarpSize;
  int* mine = y + threadIdx.x * 6;
  mine[0] = shuffle(lane + 100 * warp, (lane + 5) % kWarpSize);
  mine[1] = shuffle_xor(lane, 3);
  mine[2] = shuffle_down(lane, 30);
  mine[3] = warp_sum(lane);
  mine[4] = warp_max(lane * (lane % 7));
  mine[5] = int(ballot(lane % 3 == warp));
}

TEST(Executor, CollectivesExchangeAsTheirContractsSay) {
  for (const unsigned seed : {0, 1, 2}) {
    const ScopedSeed scoped(seed);
    std::vector<int> y(64 * 6);
    launch(exchange_kernel, 1, 64, 0, {}, y.data());
    for (int t = 0; t < 64; ++t) {
      const int lane = t % 32, warp = t / 32;
      const int* mine = &y[t * 6];
      EXPECT_EQ(mine[0], (lane + 5) % 32 + 100 * warp);
      EXPECT_EQ(mine[1], lane ^ 3);
      EXPECT_EQ(mine[2], lane + 30 < 32 ? lane + 30 : lane);
      EXPECT_EQ(mine[3], 31 * 32 / 2);
      EXPECT_EQ(mine[4], 30 * 2 > 27 * 6 ? 60 : 27 * 6);
      EXPECT_EQ(mine[5], warp == 0 ? 0x49249249 : int(0x92492492));
    }
  }
}

__global__ void add_kernel(float* sum, int* most) {
  atomic_add(sum, 1.0F);
  atomic_max(most, int(blockIdx.x * blockDim.x + threadIdx.x));
}

TEST(Executor, AtomicsOfAllBlocksAddUp) {
  float sum = 0;
  int most = -1;
  launch(add_kernel, 100, 50, 0, {}, &sum, &most);
  EXPECT_EQ(sum, 5000);
  EXPECT_EQ(most, 4999);
}

// The block that comes last sums what all have written, as split reductions do.
__global__ void last_block_kernel(float* parts, unsigned* done, float* sum) {
  parts[blockIdx.x] = float(blockIdx.x);
  thread_fence();
  if (atomic_add(done, 1U) + 1 < gridDim.x) return;
  thread_fence();
  for (unsigned i = 0; i < gridDim.x; ++i) *sum += parts[i];
}

TEST(Executor, TheLastBlockSeesWhatAllHaveWritten) {
  constexpr int kBlocks = 200;
  std::vector<float> parts(kBlocks);
  unsigned done = 0;
  float sum = 0;
  launch(last_block_kernel, kBlocks, 1, 0, {}, parts.data(), &done, &sum);
  EXPECT_EQ(sum, kBlocks * (kBlocks - 1) / 2);
}

__global__ void fail_once_kernel(bool fail, int* y) {
  const std::vector<int> owned(100, 1);  // what a thread holds is freed when a launch ends early
  if (fail && blockIdx.x == 3 && threadIdx.x == 40) report("planted", Site::current());
  __syncthreads();
  atomic_add(y, owned[threadIdx.x]);
}

TEST(Executor, ALaunchThatFailedLeavesNothingBehind) {
  for (int i = 0; i < 3; ++i) {
    int y = 0;
    EXPECT_THROW(launch(fail_once_kernel, 10, 64, 0, {}, true, &y), Error);
    y = 0;
    launch(fail_once_kernel, 10, 64, 0, {}, false, &y);
    EXPECT_EQ(y, 640);
  }
}

__global__ void narrow_kernel(int n, int64_t* y) { *y = n; }

TEST(Executor, ArgumentsConvertToTheParametersOfTheKernel) {
  int64_t y = 0;
  launch(narrow_kernel, 1, 1, 0, {}, int64_t{7}, &y);
  EXPECT_EQ(y, 7);
}

}  // namespace
}  // namespace sf::simt
