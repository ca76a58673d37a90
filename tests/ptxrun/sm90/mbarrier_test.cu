// mbarrier: a ring of producer and consumers, counts, transactions, waits on states.
#include "program.h"
#include "sm90/ptx.cuh"

namespace ptxrun_test {
namespace {

constexpr int kRounds = 5, kThreads = 128;
enum class Defect { none, no_wait_on_empty, too_many_arrivals, no_wait_on_full };

// Warp 0 produces, warps 1 to 3 consume. Thread 0 ends with a barrier of its own.
__global__ void ring_kernel(int* out, Defect defect) {
  __shared__ alignas(8) u64 full, empty, counted;
  __shared__ int buffer[32];
  const int t = threadIdx.x, warp = t / 32, lane = t % 32;
  if (t == 0) {
    mbarrier_init(&full, 32);
    mbarrier_init(&empty, 96);
    mbarrier_init(&counted, 4);
    fence_init();
  }
  __syncthreads();
  int sum = 0;
  for (int i = 0; i < kRounds; ++i) {
    if (warp == 0) {
      if (i && defect != Defect::no_wait_on_empty) mbarrier_wait(&empty, (i - 1) & 1);
      buffer[lane] = i * 100 + lane;
      if (defect == Defect::too_many_arrivals && i == 0 && lane == 0) mbarrier_arrive(&full, 33);
      mbarrier_arrive(&full);
    } else {
      if (defect != Defect::no_wait_on_full) mbarrier_wait(&full, i & 1);
      sum += buffer[(lane + warp) & 31];
      mbarrier_arrive(&empty);
    }
  }
  out[t] = sum;
  if (t == 0) {
    const u64 first = mbarrier_arrive(&counted, 2);
    mbarrier_arrive_no_complete(&counted);
    mbarrier_expect(&counted, 64);
    mbarrier_arrive(&counted);
    mbarrier_complete(&counted, 64);
    mbarrier_wait_state(&counted, first);
    const u64 second = mbarrier_arrive(&counted, 4);
    mbarrier_wait_state(&counted, second);
    out[0] = 77;
    mbarrier_invalidate(&counted);
  }
}

bool run_ring(Defect defect = Defect::none) {
  const DeviceBuffer<int> out(kThreads);
  ring_kernel<<<1, kThreads>>>(out.data(), defect);
  const auto values = out.download();
  bool right = values[0] == 77;
  for (int t = 32; t < kThreads; ++t)  // sum of i * 100 and five times the element
    right &= values[t] == 1000 + kRounds * ((t % 32 + t / 32) & 31);
  return right;
}

TEST(MBarrier, RingOfProducerAndConsumers) {
  expect_right([] { return run_ring(); });
}

TEST(MBarrier, DefectsAreDetected) {
  expect_detected([] { return run_ring(Defect::no_wait_on_empty); }, "deadlock|shared race");
  expect_detected([] { return run_ring(Defect::too_many_arrivals); },
                  "more arrivals than the phase expects");
  expect_detected([] { return run_ring(Defect::no_wait_on_full); },
                  "deadlock|shared race|more arrivals");
}

}  // namespace
}  // namespace ptxrun_test
