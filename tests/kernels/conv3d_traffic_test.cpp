// What the device's convolutions move, counted by the executor.
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/storage.h"
#include "kernels/conv3d/cases.h"
#include "kernels/conv3d/conv3d.h"
#include "kernels/simt/counters.h"

namespace sf {
namespace {

// The row's counts on the problem, whose tensors begin at whole sectors.
simt::Counts counts_of(std::string_view row, const Conv3dProblem& p) {
  const auto bytes = [&](int64_t values) {
    return std::vector<std::max_align_t>(size_t(values) * size_of(p.dtype) / 16 + 5);
  };
  auto x = bytes(int64_t{p.n} * p.t * p.h * p.w * p.x_pitch);
  auto w = bytes(int64_t{p.k} * p.kt * p.kh * p.kw * (p.c / p.groups));
  auto y = bytes(p.out_pixels() * p.y_pitch), workspace = bytes(1 << 20);
  const auto at_sector = [](auto& buffer) {
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(buffer.data()) + 31) / 32 * 32);
  };
  for (const auto& kernel : conv3d_kernels(Backend::simt)) {
    if (kernel.name != row) continue;
    EXPECT_TRUE(kernel.can_run(p)) << row;
    const simt::Counters counters;
    kernel.run(p, {.x = at_sector(x), .w = at_sector(w), .y = at_sector(y)}, nullptr,
               at_sector(workspace), {});
    return counters.total();
  }
  ADD_FAILURE() << "no row " << row;
  return {};
}

struct MainTile {
  std::string_view row;
  DType dtype;
  int m, n;
};

void PrintTo(const MainTile& tile, std::ostream* out) { *out << tile.row << ' ' << tile.dtype; }

class Conv3dTile : public ::testing::TestWithParam<MainTile> {};
INSTANTIATE_TEST_SUITE_P(Shapes, Conv3dTile,
                         ::testing::Values(MainTile{"gemm_128x128", DType::bf16, 128, 128},
                                           MainTile{"gemm_128x64", DType::f16, 128, 64},
                                           MainTile{"gemm_64x64", DType::bf16, 64, 64},
                                           MainTile{"gemm_128x32", DType::bf16, 128, 32},
                                           MainTile{"gemm_128x16", DType::bf16, 128, 16},
                                           MainTile{"gemm_f32_128x64", DType::f32, 128, 64},
                                           MainTile{"gemm_tf32_128x128", DType::f32, 128, 128}),
                         [](const auto& info) {
                           return std::string(info.param.row) + "_" +
                                  std::string(name_of(info.param.dtype));
                         });

// Both a window without padding and one that a tile's borders cut. All accesses are vectors, of
// whole sectors, free of bank conflicts, and no byte is moved but those of the tiles.
TEST_P(Conv3dTile, MovesWholeSectorsOfItsTilesAndNoBankConflicts) {
  const auto& [row, dtype, m, n] = GetParam();
  for (const bool spatial : {false, true}) {
    Conv3dProblem p = dense({.dtype = dtype, .h = 16, .w = 16, .c = 32, .k = n, .tf32 = true});
    if (spatial) p.kh = p.kw = 3, p.pad = {0, 1, 1};
    const simt::Counts counts = counts_of(row, p);
    const int64_t reduction = int64_t{p.kh} * p.kw * p.c, size = int64_t(size_of(dtype));
    const int64_t ideal = p.out_pixels() / m * (m + n) * reduction * size;
    EXPECT_EQ(counts.bank_conflicts, 0);
    EXPECT_EQ(counts.narrow_global_accesses, 0);
    // Where padding makes lanes skip copies, several of a lane's are counted as one access.
    EXPECT_GE(counts.global_load_bytes, 32 * counts.global_load_sectors);
    EXPECT_EQ(counts.global_store_bytes, 32 * counts.global_store_sectors);
    EXPECT_LE(counts.global_load_bytes, ideal);
    EXPECT_GE(counts.global_load_bytes, ideal * 8 / 10);  // but for the padding
    EXPECT_EQ(counts.global_store_bytes, p.out_pixels() * n * size);
    const int64_t products = p.out_pixels() * n * reduction;
    EXPECT_EQ(counts.tensor_core_fma + counts.fma, products);
  }
}

TEST(Conv3dTraffic, ALateralFusionReadsEachPixelOnce) {
  // As many pixels as let a block keep all frames.
  const Conv3dProblem p = dense({.dtype = DType::bf16,
                                 .t = 16,
                                 .h = 128,
                                 .w = 128,
                                 .c = 8,
                                 .k = 16,
                                 .kt = 7,
                                 .stride = {4, 1, 1},
                                 .pad = {3, 0, 0}});
  const simt::Counts counts = counts_of("lateral", p);
  const int64_t x = int64_t{p.t} * p.h * p.w * p.c * 2, w = int64_t{p.k} * p.kt * p.c * 2;
  EXPECT_EQ(counts.global_load_bytes, x + counts.blocks * w);
  EXPECT_EQ(counts.global_store_bytes, p.out_pixels() * p.k * 2);
  EXPECT_EQ(counts.global_store_bytes, 32 * counts.global_store_sectors);
  EXPECT_EQ(counts.narrow_global_accesses, 0);
  EXPECT_EQ(counts.bank_conflicts, 0);
}

// A patch has the border that windows of neighbouring tiles share.
TEST(Conv3dTraffic, AStemReadsLittleMoreThanItsPixels) {
  for (const auto& [dtype, k] : {std::pair{DType::bf16, 16}, {DType::bf16, 64}, {DType::f32, 32}}) {
    const Conv3dProblem p = dense({.dtype = dtype,
                                   .h = 64,
                                   .w = 64,
                                   .c = 3,
                                   .k = k,
                                   .kh = 7,
                                   .kw = 7,
                                   .stride = {1, 2, 2},
                                   .pad = {0, 3, 3}});
    const simt::Counts counts = counts_of("stem", p);
    const int64_t size = int64_t(size_of(dtype)), x = int64_t{p.h} * p.w * p.c * size;
    const int64_t w = int64_t{p.k} * p.kh * p.kw * p.c * size, packed = p.k * 7 * 32 * size;
    const int64_t tiles = p.out_pixels() / 128;
    EXPECT_LE(counts.global_load_bytes, x * 16 / 10 + w + tiles * packed);
    EXPECT_EQ(counts.global_store_bytes, p.out_pixels() * p.k * size + packed);
    EXPECT_EQ(counts.bank_conflicts, 0);
  }
}

TEST(Conv3dTraffic, ADepthwiseRowLoadsVectorsWhereTheDirectOneLoadsValues) {
  Conv3dProblem p = dense({.dtype = DType::bf16,
                           .t = 4,
                           .h = 16,
                           .w = 16,
                           .c = 128,
                           .k = 128,
                           .kt = 3,
                           .kh = 3,
                           .kw = 3,
                           .pad = {1, 1, 1},
                           .groups = 128});
  const simt::Counts depthwise = counts_of("depthwise", p), direct = counts_of("direct", p);
  // Eight values a load, and weights once a block of 64 pixels in place of once a pixel.
  EXPECT_LE(depthwise.global_loads * 12, direct.global_loads);
  EXPECT_EQ(depthwise.fma, direct.fma);
  EXPECT_EQ(depthwise.global_store_bytes, 32 * depthwise.global_store_sectors);
}

}  // namespace
}  // namespace sf
