// What the device's gradients of convolutions move, counted by the executor.
#include <vector>

#include <gtest/gtest.h>

#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/cases.h"
#include "kernels/simt/counters.h"

namespace sf {
namespace {

// Zeros, from a whole sector on.
class Buffer {
 public:
  explicit Buffer(int64_t bytes) : memory_(size_t(bytes) / 16 + 5) {}
  operator void*() {
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory_.data()) + 31) / 32 * 32);
  }

 private:
  std::vector<std::max_align_t> memory_;
};

// A tile of m x n sums.
struct Tile {
  std::string_view row;
  DType dtype;
  int m, n;
};

void PrintTo(const Tile& tile, std::ostream* out) { *out << tile.row << ' ' << tile.dtype; }

std::string name_of_tile(const ::testing::TestParamInfo<Tile>& info) {
  return std::string(info.param.row) + "_" + std::string(name_of(info.param.dtype));
}

// The counts of the row of that name.
template <class Args>
simt::Counts counts_of(std::span<const Kernel<Conv3dProblem, Args>> table, std::string_view row,
                       const Conv3dProblem& p, const Args& args) {
  for (const auto& kernel : table) {
    if (kernel.name != row) continue;
    EXPECT_TRUE(kernel.can_run(p)) << row;
    Buffer workspace(int64_t(kernel.workspace_bytes ? kernel.workspace_bytes(p, nullptr) : 0));
    const simt::Counters counters;
    kernel.run(p, args, nullptr, workspace, {});
    return counters.total();
  }
  ADD_FAILURE() << "no row " << row;
  return {};
}

// Every access a vector, of whole sectors, free of bank conflicts; the loads those of the tiles,
// but for what lies in the padding.
void expect_tiles(const simt::Counts& counts, int64_t loads, int64_t stores, int64_t products) {
  EXPECT_EQ(counts.bank_conflicts, 0);
  EXPECT_EQ(counts.narrow_global_accesses, 0);
  EXPECT_GE(counts.global_load_bytes, 32 * counts.global_load_sectors);
  EXPECT_LE(counts.global_load_bytes, loads);
  EXPECT_GE(counts.global_load_bytes, loads * 8 / 10);
  EXPECT_EQ(counts.global_store_bytes, stores);
  EXPECT_EQ(counts.global_store_bytes, 32 * counts.global_store_sectors);
  EXPECT_EQ(counts.tensor_core_fma + counts.fma, products);
}

Conv3dProblem problem(DType dtype, int c, int k, bool spatial) {
  Conv3dProblem p = dense({.dtype = dtype, .h = 16, .w = 16, .c = c, .k = k, .tf32 = true});
  if (spatial) p.kh = p.kw = 3, p.pad = {0, 1, 1};
  return p;
}

class Conv3dDataTile : public ::testing::TestWithParam<Tile> {};
INSTANTIATE_TEST_SUITE_P(Shapes, Conv3dDataTile,
                         ::testing::Values(Tile{"gemm_128x128", DType::bf16, 128, 128},
                                           Tile{"gemm_128x64", DType::f16, 128, 64},
                                           Tile{"gemm_128x32", DType::bf16, 128, 32},
                                           Tile{"gemm_128x16", DType::bf16, 128, 16},
                                           Tile{"gemm_f32_128x64", DType::f32, 128, 64},
                                           Tile{"gemm_f32_128x32", DType::f32, 128, 32},
                                           Tile{"gemm_tf32_128x128", DType::f32, 128, 128},
                                           Tile{"gemm_tf32_128x32", DType::f32, 128, 32}),
                         name_of_tile);

TEST_P(Conv3dDataTile, MovesWholeSectorsOfItsTilesAndNoBankConflicts) {
  const auto& [row, dtype, m, n] = GetParam();
  for (const bool spatial : {false, true}) {
    const Conv3dProblem p = problem(dtype, n, 32, spatial);
    const int64_t size = int64_t(size_of(dtype)), pixels = p.out_pixels();
    const int64_t reduction = int64_t{p.kh} * p.kw * p.k;
    Buffer dy(pixels * p.k * size), w(reduction * p.c * size), dx(pixels * p.c * size);
    const simt::Counts counts = counts_of(conv3d_backward_data_kernels(Backend::simt), row, p,
                                          {.dy = dy, .w = w, .dx = dx});
    expect_tiles(counts, pixels / m * (m + n) * reduction * size, pixels * n * size,
                 pixels * n * reduction);
  }
}

// Of 9 taps a quarter of the inputs sees 4, a half 2 and a quarter 1.
TEST(Conv3dDataTraffic, AStrideWastesNoTap) {
  Conv3dProblem p = dense({.dtype = DType::bf16,
                           .h = 32,
                           .w = 32,
                           .c = 64,
                           .k = 32,
                           .kh = 3,
                           .kw = 3,
                           .stride = {1, 2, 2},
                           .pad = {0, 1, 1}});
  Buffer dy(p.out_pixels() * p.k * 2), w(int64_t{9} * p.k * p.c * 2), dx(int64_t{1024} * p.c * 2);
  const simt::Counts counts = counts_of(conv3d_backward_data_kernels(Backend::simt), "gemm_128x64",
                                        p, {.dy = dy, .w = w, .dx = dx});
  EXPECT_EQ(counts.tensor_core_fma, p.out_pixels() * p.k * p.c * 9);
  EXPECT_EQ(counts.bank_conflicts, 0);
  EXPECT_EQ(counts.global_store_bytes, 32 * counts.global_store_sectors);
}

class Conv3dWeightTile : public ::testing::TestWithParam<Tile> {};
INSTANTIATE_TEST_SUITE_P(Shapes, Conv3dWeightTile,
                         ::testing::Values(Tile{"gemm_128x128", DType::bf16, 128, 128},
                                           Tile{"gemm_64x64", DType::f16, 64, 64},
                                           Tile{"gemm_16x64", DType::bf16, 16, 64},
                                           Tile{"gemm_f32_128x64", DType::f32, 128, 64},
                                           Tile{"gemm_f32_64x64", DType::f32, 64, 64},
                                           Tile{"gemm_f32_32x64", DType::f32, 32, 64},
                                           Tile{"gemm_tf32_128x128", DType::f32, 128, 128},
                                           Tile{"gemm_tf32_64x64", DType::f32, 64, 64}),
                         name_of_tile);

TEST_P(Conv3dWeightTile, MovesWholeSectorsOfItsTilesAndNoBankConflicts) {
  const auto& [row, dtype, m, n] = GetParam();
  for (const bool spatial : {false, true}) {
    const Conv3dProblem p = problem(dtype, n, m, spatial);
    const int64_t size = int64_t(size_of(dtype)), pixels = p.out_pixels();
    const int64_t values = int64_t{p.kh} * p.kw * p.c;
    Buffer x(pixels * p.c * size), dy(pixels * p.k * size), dw(p.k * values * 4);
    const simt::Counts counts = counts_of(conv3d_backward_weight_kernels(Backend::simt), row, p,
                                          {.x = x, .dy = dy, .dw = dw});
    expect_tiles(counts, values / n * (m + n) * pixels * size, m * values * 4, pixels * m * values);
  }
}

}  // namespace
}  // namespace sf
