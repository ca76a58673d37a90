// Kernels with known answers: loads, shared memory, barriers, shuffles, atomics, math, halves.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

__device__ int global_thread() { return blockIdx.x * blockDim.x + threadIdx.x; }

extern "C" __global__ void saxpy(const float* x, float* y, float a, int n) {
  const int i = global_thread();
  if (i < n) y[i] = a * x[i] + y[i];
}

extern "C" __global__ void sgemm(const float* __restrict__ a, const float* __restrict__ b,
                                 float* __restrict__ c, int m, int n, int k) {
  constexpr int kTile = 16;
  __shared__ float a_tile[kTile][kTile], b_tile[kTile][kTile + 1];
  const int tx = threadIdx.x, ty = threadIdx.y;
  const int row = blockIdx.y * kTile + ty, column = blockIdx.x * kTile + tx;
  float sum = 0;
  for (int k0 = 0; k0 < k; k0 += kTile) {
    a_tile[ty][tx] = row < m && k0 + tx < k ? a[row * k + k0 + tx] : 0;
    b_tile[ty][tx] = column < n && k0 + ty < k ? b[(k0 + ty) * n + column] : 0;
    __syncthreads();
#pragma unroll
    for (int q = 0; q < kTile; ++q) sum += a_tile[ty][q] * b_tile[q][tx];
    __syncthreads();
  }
  if (row < m && column < n) c[row * n + column] = sum;
}

extern "C" __global__ void reduce_sum(const float* x, float* out, int n) {
  __shared__ float of_warp[32];
  float sum = 0;
  for (int i = global_thread(); i < n; i += gridDim.x * blockDim.x) sum += x[i];
#pragma unroll
  for (int offset = 16; offset; offset >>= 1) sum += __shfl_down_sync(~0u, sum, offset);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    sum = threadIdx.x < blockDim.x / 32 ? of_warp[threadIdx.x] : 0;
#pragma unroll
    for (int offset = 16; offset; offset >>= 1) sum += __shfl_xor_sync(~0u, sum, offset);
    if (threadIdx.x == 0) atomicAdd(out, sum);
  }
}

extern "C" __global__ void histogram(const int* x, int* counts, int n, int bins) {
  extern __shared__ int of_block[];
  for (int i = threadIdx.x; i < bins; i += blockDim.x) of_block[i] = 0;
  __syncthreads();
  for (int i = global_thread(); i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&of_block[x[i] % bins], 1);
  __syncthreads();
  for (int i = threadIdx.x; i < bins; i += blockDim.x) atomicAdd(&counts[i], of_block[i]);
}

struct Conv3d {
  int n, c, t, h, w, k, kernel[3], stride[3], pad[3], out[3];
};
// Channels first, by value parameter of 72 bytes.
extern "C" __global__ void conv3d(const float* __restrict__ x, const float* __restrict__ w,
                                  float* __restrict__ y, Conv3d p) {
  const long index = global_thread();
  if (index >= (long)p.n * p.k * p.out[0] * p.out[1] * p.out[2]) return;
  long rest = index;
  int at[3];
  for (int axis = 2; axis >= 0; --axis) {
    at[axis] = rest % p.out[axis];
    rest /= p.out[axis];
  }
  const int k = rest % p.k, n = rest / p.k;
  float sum = 0;
  for (int c = 0; c < p.c; ++c)
    for (int a = 0; a < p.kernel[0]; ++a)
      for (int b = 0; b < p.kernel[1]; ++b)
        for (int d = 0; d < p.kernel[2]; ++d) {
          const int t = at[0] * p.stride[0] - p.pad[0] + a;
          const int h = at[1] * p.stride[1] - p.pad[1] + b;
          const int s = at[2] * p.stride[2] - p.pad[2] + d;
          if (t < 0 || t >= p.t || h < 0 || h >= p.h || s < 0 || s >= p.w) continue;
          sum += x[(((long)(n * p.c + c) * p.t + t) * p.h + h) * p.w + s] *
                 w[(((k * p.c + c) * p.kernel[0] + a) * p.kernel[1] + b) * p.kernel[2] + d];
        }
  y[index] = sum;
}

extern "C" __global__ void scale4(const float4* x, float4* y, float a, int n) {
  const int i = global_thread();
  if (i >= n) return;
  float4 v = x[i];
  v.x *= a;
  v.y = v.y * a + 1;
  v.z = v.z * a - 1;
  v.w = fmaxf(v.w, 0);
  y[i] = v;
}

extern "C" __global__ void mathematics(const float* x, float* y, int n) {
  const int i = global_thread();
  if (i >= n) return;
  const float v = x[i];
  y[i] = expf(v) + sqrtf(fabsf(v)) + __fdividef(1.f, 1.f + v * v) + tanhf(v) +
         logf(fabsf(v) + 1.f) + rsqrtf(v * v + 1.f) + erff(v) + sinf(v);
}

extern "C" __global__ void halves(const __half* x, const __nv_bfloat16* b, __half* y,
                                  __nv_bfloat16* z, int n) {
  const int i = global_thread();
  if (i >= n) return;
  y[i] = __hadd(__float2half(__half2float(x[i]) * 2.f + 1.f), x[i]);
  z[i] = __float2bfloat16(__bfloat162float(b[i]) * 3.f);
}

#if __CUDA_ARCH__ >= 800
// z = x y + x in bf16; h the larger of x + x and 3 x in f16; the sum of all x at z[n].
extern "C" __global__ void packed_halves(const __nv_bfloat162* x, const __nv_bfloat162* y,
                                         __nv_bfloat162* z, __half2* h, int n) {
  const int i = threadIdx.x;
  if (i >= n) return;
  z[i] = __hfma2(x[i], y[i], x[i]);
  const __half2 a = __floats2half2_rn(__bfloat162float(x[i].x), __bfloat162float(x[i].y));
  h[i] = __hmax2(__hadd2(a, a), __hmul2(a, __float2half2_rn(3.f)));
  atomicAdd(&z[n], x[i]);
}
#endif
