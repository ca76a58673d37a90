// A warp-specialised GEMM: one warpgroup loads tiles by tensor maps, the other multiplies.
#include "program.h"
#include "sm90/ptx.cuh"
#include "sm90/tensor_map.h"
#include "sm90/values.h"

namespace ptxrun_test {
namespace {

constexpr int kRows = 64, kColumns = 16, kTileDepth = 64, kTiles = 7, kDepth = kTiles * kTileDepth;
constexpr int kStages = 2, kThreads = 256, kAccumulators = 8;
constexpr u32 kABytes = kRows * kTileDepth * 2, kBBytes = kColumns * kTileDepth * 2;
constexpr u32 kStageBytes = kABytes + kBBytes;
enum class Defect {
  none,
  no_wait_on_full,
  no_wait_on_empty,
  stage_released_early,
  wrong_parity,
  stage_released_before_wgmma_wait
};

__device__ void load_tiles(const CUtensorMap* a, const CUtensorMap* b, unsigned char* stages,
                           u64* full, u64* empty, Defect defect) {
  for (int k = 0; k < kTiles; ++k) {
    const int stage = k % kStages;
    if (k >= kStages && defect != Defect::no_wait_on_empty)
      mbarrier_wait(empty + stage, (k / kStages - 1) & 1);
    mbarrier_arrive_expect(full + stage, kStageBytes);
    const Place place{{k * kTileDepth}, {}};
    tensor_load<2>(stages + stage * kStageBytes, a, full + stage, place);
    tensor_load<2>(stages + stage * kStageBytes + kABytes, b, full + stage, place);
  }
}

// 128-byte swizzle, rows of 128 bytes, 8 rows a block.
__device__ u64 tile_descriptor(u32 address) {
  return (u64)1 << 16 | (u64)64 << 32 | (u64)1 << 62 | (address >> 4 & 0x3fff);
}

__device__ void multiply_tiles(unsigned char* stages, u64* full, u64* empty, float* d,
                               Defect defect) {
  for (int k = 0; k < kTiles; ++k) {
    const int stage = k % kStages;
    const bool released_early = defect == Defect::stage_released_early && k == 0;
    if (defect != Defect::no_wait_on_full)
      mbarrier_wait(full + stage, (k / kStages & 1) ^ (defect == Defect::wrong_parity));
    if (released_early) mbarrier_arrive(empty + stage);
    wgmma_fence();
    const u32 a = shared_address(stages) + stage * kStageBytes, b = a + kABytes;
    for (int step = 0; step < kTileDepth / 16; ++step)
      PTX_WGMMA_SHARED("f16", "16", "1,1,0,0", d, tile_descriptor(a + step * 32),
                       tile_descriptor(b + step * 32), 1);
    wgmma_commit();
    if (defect == Defect::stage_released_before_wgmma_wait) mbarrier_arrive(empty + stage);
    wgmma_wait();
    if (defect != Defect::stage_released_before_wgmma_wait && !released_early)
      mbarrier_arrive(empty + stage);
  }
}

__global__ void pipeline_kernel(const __grid_constant__ CUtensorMap a,
                                const __grid_constant__ CUtensorMap b, float* out, Defect defect) {
  extern __shared__ __align__(1024) unsigned char stages[];
  __shared__ alignas(8) u64 full[kStages], empty[kStages];
  const int t = threadIdx.x;
  if (t == 0) {
    for (int i = 0; i < kStages; ++i) {
      mbarrier_init(full + i, 1);
      mbarrier_init(empty + i, 128);
    }
    fence_init();
  }
  __syncthreads();
  if (t >= 128) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (t == 128) load_tiles(&a, &b, stages, full, empty, defect);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    float d[kAccumulators] = {};
    multiply_tiles(stages, full, empty, d, defect);
    for (int i = 0; i < kAccumulators; ++i) out[t * kAccumulators + i] = d[i];
  }
}

CUtensorMap map_of(const DeviceBuffer<__half>& matrix, unsigned rows) {
  return encode({.rank = 2,
                 .data = matrix.data(),
                 .extent = {kDepth, rows},
                 .stride = {kDepth * sizeof(__half)},
                 .box = {kTileDepth, rows},
                 .swizzle = CU_TENSOR_MAP_SWIZZLE_128B});
}

std::vector<__half> halves(const std::vector<float>& values) {
  std::vector<__half> result;
  for (float value : values) result.push_back(__float2half(value));
  return result;
}

bool run_pipeline(Defect defect = Defect::none) {
  const auto a = quarters(kRows * kDepth), b = quarters(kColumns * kDepth);
  const DeviceBuffer a_device(halves(a)), b_device(halves(b));
  const DeviceBuffer<float> out(128 * kAccumulators);
  pipeline_kernel<<<1, kThreads, kStages * kStageBytes>>>(
      map_of(a_device, kRows), map_of(b_device, kColumns), out.data(), defect);
  const auto d = out.download();
  bool right = true;
  for (int t = 0; t < 128; ++t)
    for (int i = 0; i < kAccumulators; ++i) {
      const int row = t / 32 * 16 + t % 32 / 4 + (i >> 1 & 1) * 8;
      const int column = (i >> 2) * 8 + t % 4 * 2 + (i & 1);
      double sum = 0;  // of multiples of 1/16 below 2^11: exact in float too
      for (int k = 0; k < kDepth; ++k) sum += a[row * kDepth + k] * b[column * kDepth + k];
      right &= d[t * kAccumulators + i] == sum;
    }
  return right;
}

TEST(Pipeline, WarpSpecialisedGemm) {
  expect_right([] { return run_pipeline(); });
}

TEST(Pipeline, DefectsAreDetected) {
  auto run = [](Defect defect) { return [defect] { return run_pipeline(defect); }; };
  expect_detected(run(Defect::no_wait_on_full), "shared race|in flight");
  expect_detected(run(Defect::no_wait_on_empty), "more arrivals|shared race|in flight");
  expect_detected(run(Defect::stage_released_early), "shared race|in flight");
  expect_detected(run(Defect::wrong_parity), "shared race|in flight|deadlock");
  expect_detected(run(Defect::stage_released_before_wgmma_wait), kWrongResult);
}

}  // namespace
}  // namespace ptxrun_test
