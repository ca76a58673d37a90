// What the counters say of kernels whose transactions are known.
#include "kernels/simt/counters.h"

#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/async_copy.h"
#include "kernels/base/launch.h"
#include "kernels/base/tensor_core.h"

namespace sf::simt {
namespace {

// Lane l of each warp copies kN floats from l * stride on.
template <int kN>
__global__ void copy_kernel(const float* x, float* y, int stride) {
  const auto i = int(threadIdx.x) * stride;
  store(y + i, load<kN>(x + i));
}

struct Buffers {
  alignas(32) float x[2048] = {}, y[2048] = {};
};

template <int kN>
Counts copy(int stride, int threads = kWarpSize) {
  Buffers buffers;
  const Counters counters;
  launch(copy_kernel<kN>, 1, threads, 0, {}, buffers.x, buffers.y, stride);
  return counters.total();
}

TEST(Counters, NeighbouringVectorsFillTheirSectors) {
  const Counts counts = copy<4>(4, 64);
  EXPECT_EQ(counts.launches, 1);
  EXPECT_EQ(counts.blocks, 1);
  EXPECT_EQ(counts.global_loads, 2);
  EXPECT_EQ(counts.global_load_sectors, 2 * 32 * 16 / 32);
  EXPECT_EQ(counts.global_load_bytes, 2 * 32 * 16);
  EXPECT_EQ(counts.global_stores, 2);
  EXPECT_EQ(counts.global_store_sectors, 2 * 32 * 16 / 32);
  EXPECT_EQ(counts.narrow_global_accesses, 0);
}

TEST(Counters, ScatteredValuesTouchASectorEach) {
  const Counts counts = copy<1>(8);
  EXPECT_EQ(counts.global_loads, 1);
  EXPECT_EQ(counts.global_load_sectors, 32);
  EXPECT_EQ(counts.global_load_bytes, 32 * 4);
  EXPECT_EQ(counts.narrow_global_accesses, 2);
}

__global__ void read_shared_kernel(int stride, float* y) {
  float* shared = dynamic_shared<float>();
  store(shared + int(threadIdx.x), Vec<float, 1>{{1}});
  __syncthreads();
  *y = load<1>(shared + int(threadIdx.x) * stride % 1024)[0];
}

TEST(Counters, WordsOfOneBankAreReadOneAfterTheOther) {
  float y;
  for (const auto& [stride, conflicts] :
       {std::pair{1, 0}, {2, 1}, {3, 0}, {8, 7}, {32, 31}, {0, 0}}) {
    const Counters counters;
    launch(read_shared_kernel, 1, kWarpSize, 4096, {}, stride, &y);
    EXPECT_EQ(counters.total().bank_conflicts, conflicts) << "stride " << stride;
    EXPECT_EQ(counters.total().shared_accesses, 2);
    EXPECT_EQ(counters.total().barriers, 1);
  }
}

// Rows of 16 halves and a padding, as a tile of a tensor core lies.
__global__ void load_matrix_kernel(int row) {
  uint32_t r[4];
  load_matrices(r, dynamic_shared<bf16>() + lane_index() % 16 * row + lane_index() / 16 * 8);
}

TEST(Counters, PaddedRowsOfMatricesDoNotConflict) {
  for (const auto& [row, conflicts] : {std::pair{16, 4}, {24, 0}, {64, 28}, {72, 0}}) {
    const Counters counters;
    launch(load_matrix_kernel, 1, kWarpSize, 16 * 72 * 2, {}, row);
    EXPECT_EQ(counters.total().bank_conflicts, conflicts) << "rows of " << row;
    EXPECT_EQ(counters.total().shared_passes, 4 + conflicts);
  }
}

__global__ void copy_async_kernel(const float* x) {
  float* shared = dynamic_shared<float>();
  async_copy<16>(shared + 4 * int(threadIdx.x), x + 4 * int(threadIdx.x), threadIdx.x < 8);
  async_copy_commit();
  async_copy_wait<0>();
}

TEST(Counters, AnAsynchronousCopyReadsOnlyWhatIsValid) {
  const Buffers buffers;
  const Counters counters;
  launch(copy_async_kernel, 1, kWarpSize, 512, {}, buffers.x);
  EXPECT_EQ(counters.total().global_load_bytes, 8 * 16);
  EXPECT_EQ(counters.total().global_load_sectors, 4);
  EXPECT_EQ(counters.total().shared_passes, 4);
  EXPECT_EQ(counters.total().bank_conflicts, 0);
}

__global__ void multiply_kernel() {
  float d[4] = {};
  const uint32_t a[4] = {}, b[2] = {};
  mma<f16>(d, a, b);
  mma_tf32(d, a, b);
  count_fma(3);
}

TEST(Counters, ArithmeticIsSummedOverBlocksAndNamedByLaunch) {
  const Counters counters;
  launch(multiply_kernel, 5, kWarpSize, 0, {});
  launch(multiply_kernel, 2, kWarpSize, 0, {});
  EXPECT_EQ(counters.by_launch().size(), 2U);
  for (const auto& [name, counts] : counters.by_launch())
    EXPECT_TRUE(name.starts_with("simt/counters_test.cpp:")) << name;
  EXPECT_EQ(counters.total().launches, 2);
  EXPECT_EQ(counters.total().tensor_core_fma, 7 * (16 * 8 * 16 + 16 * 8 * 8));
  EXPECT_EQ(counters.total().fma, 7 * 32 * 3);
}

TEST(Counters, OneAtATime) {
  const Counters counters;
  EXPECT_THROW(Counters{}, Error);
}

}  // namespace
}  // namespace sf::simt
