// cp.async.bulk in all directions, and reduction into global memory.
#include "program.h"
#include "sm90/ptx.cuh"

namespace ptxrun_test {
namespace {

constexpr int kCount = 256, kBlocks = 3, kThreads = 64;
enum class Defect {
  none,
  no_mbarrier_init,
  wrong_bytes_expected,
  no_wait_after_load,
  no_proxy_fence,
  source_overwritten_before_wait,
  no_wait_group_at_exit
};

// Global to shared in two halves, shared to shared, 2 x + 1, to global and added to a sum.
__global__ void bulk_kernel(const float* in, float* out, float* sum, int n, Defect defect) {
  extern __shared__ __align__(128) float buffer[];
  __shared__ alignas(8) u64 barrier;
  float* second = buffer + n;
  const int t = threadIdx.x;
  const u32 bytes = n * sizeof(float);
  in += blockIdx.x * n;
  out += blockIdx.x * n;
  if (t == 0) {
    if (defect != Defect::no_mbarrier_init) mbarrier_init(&barrier, 1);
    fence_init();
  }
  __syncthreads();
  if (t == 0) {
    mbarrier_arrive_expect(&barrier, defect == Defect::wrong_bytes_expected ? bytes + 16 : bytes);
    bulk_load(buffer, in, bytes / 2, &barrier);
    bulk_load(buffer + n / 2, in + n / 2, bytes / 2, &barrier);
  }
  if (defect != Defect::no_wait_after_load) mbarrier_wait(&barrier, 0);
  __syncthreads();
  if (t == 0) {
    mbarrier_arrive_expect(&barrier, bytes);
    bulk_move(second, buffer, bytes, &barrier);
  }
  mbarrier_wait(&barrier, 1);
  for (int i = t; i < n; i += blockDim.x) second[i] = second[i] * 2 + 1;
  if (defect != Defect::no_proxy_fence) fence_async();
  __syncthreads();
  if (t == 0) {
    bulk_store(out, second, bytes);
    bulk_add(sum, second, bytes);
    bulk_commit();
    if (defect == Defect::source_overwritten_before_wait) second[0] = -1;
    if (defect != Defect::no_wait_group_at_exit) {
      bulk_wait_read();
      second[0] = -5;  // read already
      bulk_wait();
    }
  }
}

bool run_bulk(Defect defect = Defect::none) {
  std::vector<float> values(kCount * kBlocks);
  for (size_t i = 0; i < values.size(); ++i) values[i] = i * 0.5f;
  const DeviceBuffer in(values), sum(std::vector<float>(kCount, 3.f));
  const DeviceBuffer<float> out(values.size());
  bulk_kernel<<<kBlocks, kThreads, 2 * kCount * sizeof(float)>>>(in.data(), out.data(), sum.data(),
                                                                 kCount, defect);
  const auto y = out.download(), total = sum.download();
  bool right = true;
  for (size_t i = 0; i < values.size(); ++i) right &= y[i] == values[i] * 2 + 1;
  for (int i = 0; i < kCount; ++i) {
    float expected = 3;
    for (int block = 0; block < kBlocks; ++block) expected += values[block * kCount + i] * 2 + 1;
    right &= total[i] == expected;
  }
  return right;
}

TEST(BulkCopy, AllDirectionsAndReduction) {
  expect_right([] { return run_bulk(); });
}

TEST(BulkCopy, DefectsAreDetected) {
  expect_detected([] { return run_bulk(Defect::no_mbarrier_init); },
                  "mbarrier used before mbarrier.init");
  expect_detected([] { return run_bulk(Defect::wrong_bytes_expected); }, "deadlock.*tx-count 16");
  expect_detected([] { return run_bulk(Defect::no_wait_after_load); },
                  "more arrivals than the phase expects");
  expect_detected([] { return run_bulk(Defect::no_proxy_fence); },
                  "written without a fence.proxy.async");
  expect_detected([] { return run_bulk(Defect::source_overwritten_before_wait); }, kWrongResult);
  expect_detected([] { return run_bulk(Defect::no_wait_group_at_exit); },
                  "exits before its bulk store has read shared memory");
}

}  // namespace
}  // namespace ptxrun_test
