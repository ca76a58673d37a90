// ldmatrix, mma.sync and wmma. One-warp kernels take A row-major, B k x n row-major, C m x n.
#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

namespace {

__device__ uint32_t shared_address(const void* p) { return (uint32_t)__cvta_generic_to_shared(p); }

__device__ void copy_16_bytes(void* to, const void* from, bool inside) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(inside ? 16 : 0));
}

template <int kCount>
__device__ void load_matrices(uint32_t* r, const void* row) {
  if constexpr (kCount == 4)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row)));
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(shared_address(row)));
}

__device__ void multiply_bf16(float* c, const uint32_t* a, const uint32_t* b) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ uint32_t to_tf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

// The four accumulators of a lane.
template <class T>
__device__ void put(T* out, const T* c) {
  const int row = threadIdx.x / 4, column = threadIdx.x % 4 * 2;
  for (int i = 0; i < 4; ++i) out[(row + (i >> 1) * 8) * 8 + column + (i & 1)] = c[i];
}

}  // namespace

// C = A B^T in tiles of 64 x 64 x 32 by four warps, double-buffered with cp.async.
extern "C" __global__ void __launch_bounds__(128)
    gemm_bf16(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m, int n, int k) {
  constexpr int kTile = 64, kDepth = 32, kRow = kDepth + 8;
  __shared__ __align__(16) __nv_bfloat16 a_tile[2][kTile][kRow], b_tile[2][kTile][kRow];
  const int t = threadIdx.x, warp = t / 32, lane = t % 32;
  const int m0 = blockIdx.y * kTile, n0 = blockIdx.x * kTile;
  const int warp_m = (warp >> 1) * 32, warp_n = (warp & 1) * 32;
  float acc[2][4][4] = {};
  auto load = [&](int stage, int k0) {
    for (int i = t; i < kTile * 4; i += 128) {
      const int row = i / 4, column = i % 4 * 8;
      copy_16_bytes(&a_tile[stage][row][column], a + (size_t)min(m0 + row, m - 1) * k + k0 + column,
                    m0 + row < m);
      copy_16_bytes(&b_tile[stage][row][column], b + (size_t)min(n0 + row, n - 1) * k + k0 + column,
                    n0 + row < n);
    }
    asm volatile("cp.async.commit_group;");
  };
  load(0, 0);
  for (int step = 0; step < k / kDepth; ++step) {
    if (step + 1 < k / kDepth) {
      load((step + 1) & 1, (step + 1) * kDepth);
      asm volatile("cp.async.wait_group 1;");
    } else {
      asm volatile("cp.async.wait_group 0;");
    }
    __syncthreads();
    for (int k0 = 0; k0 < kDepth; k0 += 16) {
      uint32_t x[2][4], y[4][2];
      for (int i = 0; i < 2; ++i)
        load_matrices<4>(x[i], &a_tile[step & 1][warp_m + i * 16 + lane % 16][k0 + lane / 16 * 8]);
      for (int j = 0; j < 4; ++j)
        load_matrices<2>(y[j], &b_tile[step & 1][warp_n + j * 8 + lane % 8][k0 + lane / 8 % 2 * 8]);
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 4; ++j) multiply_bf16(acc[i][j], x[i], y[j]);
    }
    __syncthreads();
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 4; ++j)
      for (int x = 0; x < 4; ++x) {
        const int row = m0 + warp_m + i * 16 + lane / 4 + (x >> 1) * 8;
        const int column = n0 + warp_n + j * 8 + lane % 4 * 2 + (x & 1);
        if (row < m && column < n) c[(size_t)row * n + column] = acc[i][j][x];
      }
}

extern "C" __global__ void mma_tf32_k8(const float* a, const float* b, float* c) {
  const int row = threadIdx.x / 4, q = threadIdx.x % 4;
  const uint32_t x[] = {to_tf32(a[row * 8 + q]), to_tf32(a[(row + 8) * 8 + q]),
                        to_tf32(a[row * 8 + q + 4]), to_tf32(a[(row + 8) * 8 + q + 4])};
  const uint32_t y[] = {to_tf32(b[q * 8 + row]), to_tf32(b[(q + 4) * 8 + row])};
  float d[4] = {};
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
  put(c, d);
}

// The bits of float32 as they are: the multiplier drops the low ones.
extern "C" __global__ void mma_tf32_k4(const float* a, const float* b, float* c) {
  const int row = threadIdx.x / 4, q = threadIdx.x % 4;
  const uint32_t x[] = {__float_as_uint(a[row * 4 + q]), __float_as_uint(a[(row + 8) * 4 + q])};
  const uint32_t y = __float_as_uint(b[q * 8 + row]);
  float d[4] = {1, 1, 1, 1};
  asm volatile(
      "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(x[0]), "r"(x[1]), "r"(y));
  put(c, d);
}

extern "C" __global__ void mma_bf16_k8(const uint16_t* a, const uint16_t* b, float* c) {
  const int row = threadIdx.x / 4, q = threadIdx.x % 4 * 2;
  auto pair = [](uint16_t low, uint16_t high) { return low | (uint32_t)high << 16; };
  const uint32_t x[] = {pair(a[row * 8 + q], a[row * 8 + q + 1]),
                        pair(a[(row + 8) * 8 + q], a[(row + 8) * 8 + q + 1])};
  const uint32_t y = pair(b[q * 8 + row], b[(q + 1) * 8 + row]);
  float d[4] = {1, 1, 1, 1};
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(x[0]), "r"(x[1]), "r"(y));
  put(c, d);
}

extern "C" __global__ void mma_s8_k32(const int8_t* a, const int8_t* b, int* c) {
  const int row = threadIdx.x / 4, q = threadIdx.x % 4 * 4;
  uint32_t x[4], y[2] = {};
  for (int r = 0; r < 4; ++r)
    x[r] = *(const uint32_t*)(a + (row + (r & 1) * 8) * 32 + q + (r >> 1) * 16);
  for (int r = 0; r < 2; ++r)
    for (int j = 0; j < 4; ++j) y[r] |= (uint32_t)(uint8_t)b[(q + j + 16 * r) * 8 + row] << (8 * j);
  int d[4] = {1, 1, 1, 1};
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},"
      "{%0,%1,%2,%3};"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
      : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
  put(c, d);
}

// Accumulates in f16; B through a transposing load.
extern "C" __global__ void mma_f16(const __half* a, const __half* b, __half* c) {
  __shared__ __align__(16) __half a_tile[16][16], b_tile[16][8];
  const int lane = threadIdx.x;
  for (int i = lane; i < 256; i += 32) a_tile[i / 16][i % 16] = a[i];
  for (int i = lane; i < 128; i += 32) b_tile[i / 8][i % 8] = b[i];
  __syncwarp();
  uint32_t x[4], y[2], d[2] = {};
  load_matrices<4>(x, &a_tile[lane % 16][lane / 16 * 8]);
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
               : "=r"(y[0]), "=r"(y[1])
               : "r"(shared_address(&b_tile[lane % 16][0])));
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0,%1}, {%2,%3,%4,%5}, {%6,%7}, {%0,%1};"
      : "+r"(d[0]), "+r"(d[1])
      : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
  uint32_t* pairs = (uint32_t*)c;
  pairs[lane] = d[0];
  pairs[32 + lane] = d[1];
}

namespace wmma = nvcuda::wmma;

// C = A B^T, 16 x 16 x 16.
extern "C" __global__ void wmma_bf16(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> x;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, wmma::col_major> y;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 0);
  wmma::load_matrix_sync(x, a, 16);
  wmma::load_matrix_sync(y, b, 16);
  wmma::mma_sync(sum, x, y, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_row_major);
}

// C = A B, 16 x 16 x 8.
extern "C" __global__ void wmma_tf32(const float* a, const float* b, float* c) {
  wmma::fragment<wmma::matrix_a, 16, 16, 8, wmma::precision::tf32, wmma::row_major> x;
  wmma::fragment<wmma::matrix_b, 16, 16, 8, wmma::precision::tf32, wmma::row_major> y;
  wmma::fragment<wmma::accumulator, 16, 16, 8, float> sum;
  wmma::fill_fragment(sum, 0);
  wmma::load_matrix_sync(x, a, 8);
  wmma::load_matrix_sync(y, b, 16);
  for (int i = 0; i < x.num_elements; ++i) x.x[i] = wmma::__float_to_tf32(x.x[i]);
  for (int i = 0; i < y.num_elements; ++i) y.x[i] = wmma::__float_to_tf32(y.x[i]);
  wmma::mma_sync(sum, x, y, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_row_major);
}
