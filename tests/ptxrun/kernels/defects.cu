// Planted defects, each with the kernel's right form under another value of `defect`.
#include <cstdint>

__device__ uint32_t shared_address(const void* p) { return (uint32_t)__cvta_generic_to_shared(p); }

extern "C" __global__ void missing_barrier(float* x, bool defect) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  if (!defect) __syncthreads();
  x[threadIdx.x] = s[63 - threadIdx.x];
}

// The next round may write before the last one has been read.
extern "C" __global__ void missing_second_barrier(float* x, bool defect) {
  __shared__ float s[64];
  float sum = 0;
  for (int round = 0; round < 3; ++round) {
    s[threadIdx.x] = x[threadIdx.x] * round;
    __syncthreads();
    sum += s[63 - threadIdx.x];
    if (!defect) __syncthreads();
  }
  x[threadIdx.x] = sum;
}

extern "C" __global__ void past_the_end(float* x, int n, bool defect) {
  const int i = threadIdx.x;
  x[i + (defect && i == n - 1)] = 1;
}

extern "C" __global__ void before_the_start(float* x, bool defect) {
  x[(int)threadIdx.x - (defect && threadIdx.x == 0)] = 1;
}

extern "C" __global__ void past_shared_memory(float* x, bool defect) {
  extern __shared__ float dynamic[];
  dynamic[threadIdx.x + (defect ? 1 : 0)] = 1;
  x[threadIdx.x] = dynamic[threadIdx.x + (defect ? 1 : 0)];
}

extern "C" __global__ void misaligned(float* x, bool defect) {
  *(float4*)(x + (defect ? 1 : 4) * threadIdx.x) = make_float4(1, 2, 3, 4);
}

extern "C" __global__ void write_to_parameter_memory(float* x, const __grid_constant__ int n,
                                                     bool defect) {
  int* target = defect ? const_cast<int*>(&n) : reinterpret_cast<int*>(x);
  *target = 1;
}

// Warps wait at different barriers.
extern "C" __global__ void divergent_barrier(float* x, bool defect) {
  if (defect && threadIdx.x < 32) {
    __syncthreads();
    x[threadIdx.x] = 1;
  } else {
    x[threadIdx.x] = 2;
    __syncthreads();
  }
}

// Of named barrier 1, which 64 threads should reach.
extern "C" __global__ void barrier_never_full(float* x, bool defect) {
  if (!defect || threadIdx.x < 32) asm volatile("bar.sync 1, 64;");
  x[threadIdx.x] = 1;
}

extern "C" __global__ void shuffle_from_absent_lane(int* x, bool defect) {
  const int i = threadIdx.x;
  const uint32_t lanes = defect ? 0xffff : 0xffffffff;
  if (i < 16 || !defect) x[i] = __shfl_sync(lanes, i, (i + 8) % 32);
}

__device__ void copy_async(void* to, const void* from) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from));
  asm volatile("cp.async.commit_group;");
}

// The result must be NaN, since the copy has not landed.
extern "C" __global__ void missing_wait(const float4* x, float4* y, bool defect) {
  __shared__ float4 s[32];
  copy_async(&s[threadIdx.x], x + threadIdx.x);
  if (!defect) asm volatile("cp.async.wait_all;");
  y[threadIdx.x] = s[threadIdx.x];
  asm volatile("cp.async.wait_all;");
}

// Two groups in flight where one may be.
extern "C" __global__ void wait_off_by_one(const float4* x, float4* y, bool defect) {
  __shared__ float4 s[2][32];
  copy_async(&s[0][threadIdx.x], x + threadIdx.x);
  copy_async(&s[1][threadIdx.x], x + 32 + threadIdx.x);
  if (defect)
    asm volatile("cp.async.wait_group 2;");
  else
    asm volatile("cp.async.wait_group 1;");
  y[threadIdx.x] = s[0][threadIdx.x];
  asm volatile("cp.async.wait_all;");
}

extern "C" __global__ void uninitialised_shared(float* x, bool defect) {
  __shared__ float s[32];
  if (!defect || threadIdx.x) s[threadIdx.x] = 1;
  __syncwarp();
  x[threadIdx.x] = s[threadIdx.x];
}
