// Calls, local arrays, branch tables, warp intrinsics, atomics, extended precision.
#include <cassert>
#include <cstdio>

__device__ __noinline__ float grow(float x, int n) {
  float s = x;
  for (int i = 0; i < n; ++i) {
    if (s > 100) return s - 100;
    s = s * 1.5f + i;
  }
  return s;
}

__device__ __noinline__ float grow_chosen(const float* p, int i) {
  float chosen[4];  // indexed at run time: local memory
  for (int k = 0; k < 4; ++k) chosen[(k * i) & 3] = p[k];
  return grow(chosen[i & 3], i) + __shfl_xor_sync(~0u, p[0], 1);
}

extern "C" __global__ void calls(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  assert(n < 1000);
  const float v = i < n ? x[i] : 0;
  const float near[4] = {v, v + 1, v + 2, v + 3};
  const float grown = grow_chosen(near, i);
  if (i < n) y[i] = grown + grow(v, 3);
  if (i == 1) printf("thread %d has %f %s%%\n", i, v, "units");
}

extern "C" __global__ void branches(const int* x, int* y) {
  const int i = threadIdx.x;
  int r = 0;
  switch (x[i]) {
    case 0: r = 5; break;
    case 1: r = x[i + 1] * 3; break;
    case 2: r = i ^ 7; break;
    case 3:
      for (int k = 0; k < i; ++k) r += x[k];
      break;
    case 4: r = -1; break;
    case 5: r = i * i; break;
    case 6: r = 1000 / (i + 1); break;
    default: r = 99;
  }
  y[i] = r;
}

// Each answer in its own row of 32.
extern "C" __global__ void warp_functions(const int* x, int* y) {
  const int i = threadIdx.x;
  int row = 0;
  auto put = [&](int value) { y[32 * row++ + i] = value; };
  put(__reduce_add_sync(~0u, x[i]));
  put(__reduce_max_sync(~0u, x[i]));
  put(__match_any_sync(~0u, x[i] % 3));
  put(__ballot_sync(~0u, i & 2));
  put(__any_sync(~0u, i == 3));
  put(__shfl_up_sync(~0u, i, 3, 16));
  put(__shfl_sync(~0u, i, 5, 8));
  int odd = 0;
  if (i % 2) odd = __shfl_xor_sync(0xaaaaaaaau, i, 2);
  put(odd);
}

extern "C" __global__ void bit_functions(const int* x, int* y) {
  const int i = threadIdx.x;
  int row = 0;
  auto put = [&](int value) { y[32 * row++ + i] = value; };
  put(__funnelshift_l(x[i], i, 5));
  put(__byte_perm(x[i], i, 0x4321));
  put(__vadd4(x[i], i));
  put(__popc(x[i]));
  put(__clz(x[i]));
  put(__ffs(x[i]));
  put(__brev(x[i]));
  const unsigned long long wide = (unsigned long long)x[i] * 0x9E3779B97F4A7C15ull;
  put((int)__umul64hi(wide, wide + 3));
}

extern "C" __global__ void block_functions(int* y) {
  const int i = threadIdx.x;
  y[3 * i] = __syncthreads_count(i & 1);
  y[3 * i + 1] = __syncthreads_or(i == 40);
  y[3 * i + 2] = __syncthreads_and(i != 40);
}

extern "C" __global__ void shared_atomics(const int* x, int* y) {
  __shared__ int s[32];
  const int i = threadIdx.x;
  s[i] = 0;
  __syncwarp();
  atomicMax(&s[i / 4], x[i]);
  atomicCAS(&s[31], 0, i + 1);
  atomicInc((unsigned*)&s[29], 4);
  __syncwarp();
  y[i] = s[i];
}

// a + b and a - b of 128 bits, through the carry.
extern "C" __global__ void extended(const unsigned long long* a, const unsigned long long* b,
                                    unsigned long long* y) {
  const int i = 2 * threadIdx.x;
  asm("add.cc.u64 %0, %2, %4; addc.u64 %1, %3, %5;"
      : "=l"(y[2 * i]), "=l"(y[2 * i + 1])
      : "l"(a[i]), "l"(a[i + 1]), "l"(b[i]), "l"(b[i + 1]));
  asm("sub.cc.u64 %0, %2, %4; subc.u64 %1, %3, %5;"
      : "=l"(y[2 * i + 2]), "=l"(y[2 * i + 3])
      : "l"(a[i]), "l"(a[i + 1]), "l"(b[i]), "l"(b[i + 1]));
}

extern "C" __global__ void float_functions(const float* x, float* y) {
  const int i = threadIdx.x;
  const float v = x[i];
  int row = 0;
  auto put = [&](float value) { y[32 * row++ + i] = value; };
  put(ceilf(v * 0.3f));
  put(truncf(v * 0.7f));
  put(rintf(v * 0.5f));
  put(fmodf(v, 1.7f));
  put(powf(fabsf(v) + 0.1f, 1.3f));
  put(cbrtf(v));
  put(atan2f(v, 2));
  put((float)((double)v / 3));
  put(__frcp_rn(v + 50));
  put(ldexpf(v, -2));
}

__constant__ float factors[4] = {1, 10, 100, 1000};
__device__ int calls_made;

extern "C" __global__ void variables(float* y) {
  y[threadIdx.x] = factors[threadIdx.x % 4] * threadIdx.x;
  atomicAdd(&calls_made, 1);
}
