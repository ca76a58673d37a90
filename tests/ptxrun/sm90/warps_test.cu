// elect, named barriers, barrier.cluster of one CTA, stmatrix.
#include "program.h"
#include "sm90/ptx.cuh"

namespace ptxrun_test {
namespace {

constexpr int kThreads = 128;

// Warps 0 and 1 exchange values at barrier 3; warp 2 arrives at barrier 4, where warp 3 waits.
__global__ void warps_kernel(int* out) {
  __shared__ int values[8];
  const int t = threadIdx.x, warp = t / 32, lane = t % 32;
  u32 elected;
  asm volatile("{.reg .pred p; .reg .b32 r; elect.sync r|p, 0xffffffff; selp.u32 %0,1,0,p;}"
               : "=r"(elected));
  const int leaders = __popc(__ballot_sync(~0u, elected));
  asm volatile("griddepcontrol.wait;");
  asm volatile("barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;" ::
                   : "memory");
  asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
  if (warp < 2) {
    if (lane == 0) values[warp] = warp + 5;
    asm volatile("bar.sync 3, 64;" ::: "memory");
    out[t] = values[1 - warp] * 10 + leaders;
  } else if (warp == 2) {
    if (lane == 0) values[2] = 99;
    asm volatile("bar.arrive 4, 64;" ::: "memory");
    out[t] = 1;
  } else {
    asm volatile("{.reg .pred p; setp.eq.u32 p,1,1; @p barrier.sync 4, 64;}" ::: "memory");
    out[t] = values[2];
  }
}

TEST(Warps, ElectAndBarriers) {
  expect_right([] {
    const DeviceBuffer<int> out(kThreads);
    warps_kernel<<<1, kThreads>>>(out.data());
    const auto found = out.download();
    constexpr int kExpected[] = {61, 51, 1, 99};
    bool right = true;
    for (int t = 0; t < kThreads; ++t) right &= found[t] == kExpected[t / 32];
    return right;
  });
}

// Stores matrices whose elements count up, four, two transposed and one of them.
__global__ void store_matrices_kernel(int* wrong) {
  __shared__ __align__(16) unsigned short shared[8 * 8 * 4];
  const int lane = threadIdx.x;
  u32 a[4];
  for (int i = 0; i < 4; ++i) {
    const u32 first = i * 64 + lane / 4 * 8 + lane % 4 * 2;
    a[i] = first | (first + 1) << 16;
  }
  const u32 at = shared_address(shared) + lane * 16;
  int bad = 0;
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1,%2,%3,%4};" ::"r"(at), "r"(a[0]),
               "r"(a[1]), "r"(a[2]), "r"(a[3])
               : "memory");
  __syncwarp();
  for (int i = lane; i < 256; i += 32) bad += shared[i] != i;
  __syncwarp();
  asm volatile("stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%0], {%1,%2};" ::"r"(at), "r"(a[0]),
               "r"(a[1])
               : "memory");
  __syncwarp();
  for (int i = lane; i < 128; i += 32) bad += shared[i] != i / 64 * 64 + i % 8 * 8 + i % 64 / 8;
  __syncwarp();
  asm volatile("stmatrix.sync.aligned.m8n8.x1.shared.b16 [%0], {%1};" ::"r"(at), "r"(a[3])
               : "memory");
  __syncwarp();
  for (int i = lane; i < 64; i += 32) bad += shared[i] != 192 + i;
  wrong[lane] = bad;
}

TEST(Warps, StoredMatrices) {
  expect_right([] {
    const DeviceBuffer<int> wrong(32);
    store_matrices_kernel<<<1, 32>>>(wrong.data());
    return wrong.download() == std::vector<int>(32, 0);
  });
}

}  // namespace
}  // namespace ptxrun_test
