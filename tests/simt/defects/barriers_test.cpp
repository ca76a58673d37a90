// Barriers that are missing, or that not every thread comes to.
#include <numeric>

#include "tests/simt/defects/defect.h"

namespace sf::simt {
namespace {

constexpr int kThreads = 96;

std::vector<float> ascending(int n) {
  std::vector<float> x(static_cast<size_t>(n));
  std::iota(x.begin(), x.end(), 1.0F);
  return x;
}

template <bool kBarrier>
__global__ void reverse_kernel(const float* x, float* y) {
  float* shared = dynamic_shared<float>();
  const int i = int(threadIdx.x);
  shared[i] = x[i];
  if (kBarrier) __syncthreads();
  y[i] = shared[kThreads - 1 - i];
}

template <bool kBarrier>
std::vector<float> reverse() {
  const auto x = ascending(kThreads);
  std::vector<float> y(kThreads);
  launch(reverse_kernel<kBarrier>, 1, kThreads, kThreads * sizeof(float), {}, x.data(), y.data());
  return y;
}

TEST(Defects, AMissingBarrierBetweenWriteAndReadShows) {
  auto wanted = ascending(kThreads);
  std::reverse(wanted.begin(), wanted.end());
  EXPECT_TRUE(right_in_every_order(reverse<true>, wanted));
  EXPECT_FALSE(right_in_every_order(reverse<false>, wanted));
}

// Two rounds of the same exchange through the same memory: the second write must wait for the first
// read.
template <bool kBarrier>
__global__ void rotate_twice_kernel(float* y) {
  float* shared = dynamic_shared<float>();
  const int i = int(threadIdx.x);
  float value = y[i];
  for (int round = 0; round < 2; ++round) {
    shared[i] = value;
    __syncthreads();
    value = shared[(i + 1) % kThreads];
    if (kBarrier) __syncthreads();
  }
  y[i] = value;
}

template <bool kBarrier>
std::vector<float> rotate_twice() {
  auto y = ascending(kThreads);
  launch(rotate_twice_kernel<kBarrier>, 1, kThreads, kThreads * sizeof(float), {}, y.data());
  return y;
}

TEST(Defects, AMissingBarrierBetweenReadAndWriteShows) {
  auto wanted = ascending(kThreads);
  std::rotate(wanted.begin(), wanted.begin() + 2, wanted.end());
  EXPECT_TRUE(right_in_every_order(rotate_twice<true>, wanted));
  EXPECT_FALSE(right_in_every_order(rotate_twice<false>, wanted));
}

template <bool kGuarded>
__global__ void last_writes_kernel(float* y) {
  float* shared = dynamic_shared<float>();
  if (!kGuarded || threadIdx.x == 0) *shared = float(threadIdx.x);
  __syncthreads();
  if (threadIdx.x == 0) *y = *shared;
}

template <bool kGuarded>
std::vector<float> last_writes() {
  std::vector<float> y(1);
  launch(last_writes_kernel<kGuarded>, 1, kThreads, sizeof(float), {}, y.data());
  return y;
}

TEST(Defects, ARaceOfWritesToSharedMemoryShows) {
  EXPECT_TRUE(right_in_every_order(last_writes<true>, {0}));
  EXPECT_FALSE(right_in_every_order(last_writes<false>, {0}));
}

// Lanes of one warp are not in step either.
template <bool kSync>
__global__ void neighbour_kernel(float* y) {
  float* shared = dynamic_shared<float>();
  const int lane = lane_index();
  shared[lane] = y[lane];
  if (kSync) sync_warp();
  y[lane] = shared[lane ^ 1];
}

template <bool kSync>
std::vector<float> neighbour() {
  auto y = ascending(kWarpSize);
  launch(neighbour_kernel<kSync>, 1, kWarpSize, kWarpSize * sizeof(float), {}, y.data());
  return y;
}

TEST(Defects, AMissingSyncOfTheWarpShows) {
  auto wanted = ascending(kWarpSize);
  for (int i = 0; i < kWarpSize; i += 2) std::swap(wanted[size_t(i)], wanted[i + 1]);
  EXPECT_TRUE(right_in_every_order(neighbour<true>, wanted));
  EXPECT_FALSE(right_in_every_order(neighbour<false>, wanted));
}

enum class Divergence { none, one_side, both_sides, early_return, trips };

template <Divergence kDivergence>
__global__ void divergent_kernel() {
  const bool odd_warp = threadIdx.x / kWarpSize % 2 == 1;
  switch (kDivergence) {
    case Divergence::none: __syncthreads(); break;
    case Divergence::one_side:
      if (odd_warp) __syncthreads();
      break;
    case Divergence::both_sides:
      if (odd_warp)
        __syncthreads();
      else
        __syncthreads();
      break;
    case Divergence::early_return:
      if (threadIdx.x == kThreads - 1) return;
      __syncthreads();
      break;
    case Divergence::trips:
      for (unsigned i = 0; i < threadIdx.x / kWarpSize + 1; ++i) __syncthreads();
  }
}

template <Divergence kDivergence>
void diverge() {
  launch(divergent_kernel<kDivergence>, 1, kThreads, 0, {});
}

TEST(Defects, ABarrierThatNotAllThreadsReachIsReported) {
  EXPECT_EQ(report_of(diverge<Divergence::none>), "");
  for (const unsigned seed : {0, 1, 2}) {
    const ScopedSeed scoped(seed);
    EXPECT_REPORT(diverge<Divergence::one_side>(), "barrier");
    EXPECT_REPORT(diverge<Divergence::both_sides>(), "is at another barrier than");
    EXPECT_REPORT(diverge<Divergence::early_return>(), "barrier");
    EXPECT_REPORT(diverge<Divergence::trips>(), "barrier");
  }
}

TEST(Defects, AReportNamesLaunchBlockThreadAndPlace) {
  EXPECT_REPORT(diverge<Divergence::both_sides>(),
                "simt: kernel launched at defects/barriers_test.cpp:");
  EXPECT_REPORT(diverge<Divergence::both_sides>(),
                "block (0, 0, 0), thread (32, 0, 0): is at another barrier than 32 threads, which "
                "wait at defects/barriers_test.cpp:");
}

}  // namespace
}  // namespace sf::simt
