// What the device's convolutions and their gradients move, counted by the executor.
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/storage.h"
#include "kernels/conv3d/backward_data.h"
#include "kernels/conv3d/backward_weight.h"
#include "kernels/conv3d/cases.h"
#include "kernels/simt/counters.h"

namespace sf {
namespace {

// Zeros, from a whole sector on.
class Buffer {
 public:
  explicit Buffer(int64_t bytes) : memory_(size_t(bytes) + 64) {}
  void* data() {
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory_.data()) + 31) / 32 * 32);
  }

 private:
  std::vector<std::byte> memory_;
};

// The counts of the row of that name.
template <class Args>
simt::Counts counts_of(std::span<const Kernel<Conv3dProblem, Args>> table, std::string_view row,
                       const Conv3dProblem& p, const Args& args) {
  for (const auto& kernel : table) {
    if (kernel.name != row) continue;
    EXPECT_TRUE(kernel.can_run(p)) << row;
    Buffer workspace(int64_t(kernel.workspace_bytes ? kernel.workspace_bytes(p, nullptr) : 0));
    const simt::Counters counters;
    kernel.run(p, args, nullptr, workspace.data(), {});
    return counters.total();
  }
  ADD_FAILURE() << "no row " << row;
  return {};
}

enum class Pass { forward, data, weight };

simt::Counts counts_of(Pass pass, std::string_view row, const Conv3dProblem& p) {
  const int64_t size = int64_t(size_of(p.dtype)), taps = int64_t{p.kt} * p.kh * p.kw;
  const int64_t weights = taps * p.k * (p.c / p.groups);
  Buffer x(int64_t{p.n} * p.t * p.h * p.w * p.x_pitch * size), w(weights * size), bias(p.k * 4);
  Buffer residual(p.out_pixels() * p.residual_pitch * size), y(p.out_pixels() * p.y_pitch * size);
  Buffer dw(weights * 4), sums((2 * p.k + 1) * 8);
  switch (pass) {
    case Pass::forward:
      return counts_of(conv3d_kernels(Backend::simt), row, p,
                       Conv3dArgs{.x = x.data(),
                                  .w = w.data(),
                                  .bias = p.bias ? bias.data() : nullptr,
                                  .residual = p.residual ? residual.data() : nullptr,
                                  .y = y.data(),
                                  .sums = static_cast<double*>(sums.data()),
                                  .count = static_cast<double*>(sums.data()) + 2 * p.k});
    case Pass::data:
      return counts_of(conv3d_backward_data_kernels(Backend::simt), row, p,
                       {.dy = y.data(), .w = w.data(), .dx = x.data()});
    case Pass::weight:
      return counts_of(conv3d_backward_weight_kernels(Backend::simt), row, p,
                       {.x = x.data(), .dy = y.data(), .dw = dw.data()});
  }
  return {};
}

// A tile of m x n sums: pixels x output channels, pixels x input channels, output channels x taps
// and input channels.
struct Tile {
  Pass pass;
  std::string_view row;
  DType dtype;
  int m, n;
};

void PrintTo(const Tile& tile, std::ostream* out) {
  *out << tile.row << ' ' << tile.dtype << ' ' << tile.m << 'x' << tile.n;
}

std::vector<Tile> main_tiles() {
  using enum Pass;
  std::vector<Tile> tiles{{forward, "gemm_tf32_128x128", DType::f32, 128, 128},
                          {forward, "gemm_tf32_64x64", DType::f32, 64, 64},
                          {forward, "gemm_tf32_128x16", DType::f32, 128, 16},
                          {forward, "gemm_f32_128x64", DType::f32, 128, 64},
                          {forward, "gemm_f32_64x64", DType::f32, 64, 64},
                          {forward, "gemm_f32_128x16", DType::f32, 128, 16},
                          {data, "gemm_tf32_128x128", DType::f32, 128, 128},
                          {data, "gemm_tf32_128x32", DType::f32, 128, 32},
                          {data, "gemm_f32_128x64", DType::f32, 128, 64},
                          {data, "gemm_f32_128x32", DType::f32, 128, 32},
                          {weight, "gemm_tf32_128x128", DType::f32, 128, 128},
                          {weight, "gemm_tf32_64x64", DType::f32, 64, 64},
                          {weight, "gemm_f32_128x64", DType::f32, 128, 64},
                          {weight, "gemm_f32_64x64", DType::f32, 64, 64},
                          {weight, "gemm_f32_32x64", DType::f32, 32, 64}};
  for (const DType half : {DType::bf16, DType::f16}) {
    tiles.insert(tiles.end(), {{forward, "gemm_128x128", half, 128, 128},
                               {forward, "gemm_64x64", half, 64, 64},
                               {forward, "gemm_128x128_long", half, 128, 128},
                               {forward, "gemm_64x64_long", half, 64, 64},
                               {forward, "gemm_128x32", half, 128, 32},
                               {forward, "gemm_128x16", half, 128, 16},
                               {data, "gemm_128x128", half, 128, 128},
                               {data, "gemm_64x64", half, 64, 64},
                               {data, "gemm_128x32", half, 128, 32},
                               {data, "gemm_128x16", half, 128, 16},
                               {weight, "gemm_128x128", half, 128, 128},
                               {weight, "gemm_64x64", half, 64, 64},
                               {weight, "gemm_16x64", half, 16, 64}});
  }
  return tiles;
}

std::string name_of_tile(const ::testing::TestParamInfo<Tile>& info) {
  constexpr const char* kPasses[] = {"forward", "data", "weight"};
  const auto& [pass, row, dtype, m, n] = info.param;
  return cat(kPasses[int(pass)], "_", row, "_", name_of(dtype), "_", m, "x", n);
}

class Conv3dTile : public ::testing::TestWithParam<Tile> {};
INSTANTIATE_TEST_SUITE_P(Shapes, Conv3dTile, ::testing::ValuesIn(main_tiles()), name_of_tile);

// What parts of the reduction leave for the one that adds them up, written and read once.
int64_t partial_sums_bytes(const Tile& tile, const Conv3dProblem& p) {
  if (tile.pass != Pass::forward) return 0;
  for (const Conv3dKernel& kernel : conv3d_kernels(Backend::simt))
    if (kernel.name == tile.row && kernel.zeroed_bytes(p) > 0)
      return int64_t(kernel.workspace_bytes(p, nullptr) - kernel.zeroed_bytes(p));
  return 0;
}

// What a tile must read and write, and what it multiplies.
struct Ideal {
  int64_t loads, stores, products;
};

Ideal ideal_of(const Tile& tile, const Conv3dProblem& p) {
  const int64_t size = int64_t(size_of(p.dtype)), taps = int64_t{p.kt} * p.kh * p.kw;
  const int64_t pixels = p.out_pixels(), products = pixels * taps * p.c * p.k;
  const int64_t sums = tile.pass == Pass::weight ? taps * p.c * p.k
                       : tile.pass == Pass::data ? pixels * p.c
                                                 : pixels * p.k;
  const int64_t tiles = sums / (tile.m * tile.n), operands = (tile.m + tile.n) * (products / sums);
  const int64_t bias = p.bias ? tile.n * 4 : 0, residual = p.residual ? sums * size : 0;
  const int64_t parts =
      p.sums ? tiles * tile.n * 16 : partial_sums_bytes(tile, p);  // written and read once
  return {tiles * (operands * size + bias) + residual + parts,
          sums * (tile.pass == Pass::weight ? 4 : size) + parts, products};
}

// Every access is a vector of whole sectors, free of bank conflicts: of windows without padding and
// of those that a tile's borders cut, with and without what an epilogue adds. What is moved beyond
// the ideal is the bias, which warps of the same channels load for themselves.
TEST_P(Conv3dTile, MovesWholeSectorsAndLittleMoreThanItsOperands) {
  const Tile& tile = GetParam();
  const bool across = tile.pass != Pass::forward;
  for (const auto& [kh, kw] : {std::pair{1, 1}, {1, 3}, {3, 3}}) {
    SCOPED_TRACE(cat(kh, "x", kw));
    const bool spatial = kw > 1;
    Conv3dProblem p = dense({.dtype = tile.dtype,
                             .h = 16,
                             .w = 16,
                             .c = across ? tile.n : 64,
                             .k = tile.pass == Pass::weight ? tile.m
                                  : across                  ? 64  // whole slices
                                                            : tile.n,
                             .bias = !across,
                             .residual = !across && spatial,
                             .tf32 = true,
                             .sums = !across && !spatial});
    p.kh = kh, p.kw = kw, p.pad = {0, kh / 2, kw / 2};
    // Of these only the longest reduction is shared out over the grid.
    if (kh == 1) { EXPECT_EQ(partial_sums_bytes(tile, p), 0); }
    const simt::Counts counts = counts_of(tile.pass, tile.row, p);
    const Ideal ideal = ideal_of(tile, p);
    EXPECT_EQ(counts.bank_conflicts, 0);
    EXPECT_EQ(counts.narrow_global_accesses, 0);
    // Where padding makes lanes skip copies, several of a lane's are counted as one access.
    EXPECT_GE(counts.global_load_bytes, 32 * counts.global_load_sectors);
    EXPECT_EQ(counts.global_store_bytes, 32 * counts.global_store_sectors);
    EXPECT_GE(counts.global_load_bytes, ideal.loads * 8 / 10);  // but for the padding
    EXPECT_EQ(counts.global_store_bytes, ideal.stores);
    EXPECT_LE(32 * double(counts.global_load_sectors + counts.global_store_sectors),
              1.3 * double(ideal.loads + ideal.stores));
    EXPECT_EQ(counts.tensor_core_fma + counts.fma, ideal.products);
  }
}

// Of 9 taps a quarter of the inputs sees 4, a half 2 and a quarter 1.
TEST(Conv3dTraffic, AStrideWastesNoTapOfTheDataGradient) {
  const Conv3dProblem p = dense({.dtype = DType::bf16,
                                 .h = 32,
                                 .w = 32,
                                 .c = 64,
                                 .k = 64,
                                 .kh = 3,
                                 .kw = 3,
                                 .stride = {1, 2, 2},
                                 .pad = {0, 1, 1}});
  const simt::Counts counts = counts_of(Pass::data, "gemm_64x64", p);
  EXPECT_EQ(counts.tensor_core_fma, p.out_pixels() * p.k * p.c * 9);
  EXPECT_EQ(counts.bank_conflicts, 0);
  EXPECT_EQ(counts.global_store_bytes, 32 * counts.global_store_sectors);
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
                                 .pad = {3, 0, 0},
                                 .bias = true});
  const simt::Counts counts = counts_of(Pass::forward, "lateral", p);
  const int64_t x = int64_t{p.t} * p.h * p.w * p.c * 2, w = int64_t{p.k} * p.kt * p.c * 2;
  // Every lane loads the bias of its 8 channels for the 16 pixels of its warp.
  const int64_t bias = p.out_pixels() / 16 * 32 * 8 * 4;
  EXPECT_EQ(counts.global_load_bytes, x + counts.blocks * w + bias);
  EXPECT_EQ(counts.global_store_bytes, p.out_pixels() * p.k * 2);
  EXPECT_EQ(counts.global_store_bytes, 32 * counts.global_store_sectors);
  EXPECT_EQ(counts.narrow_global_accesses, 0);
  EXPECT_EQ(counts.bank_conflicts, 0);
}

// A patch has the border that windows of neighbouring tiles share; its last loads are repeated.
TEST(Conv3dTraffic, AStemReadsLittleMoreThanItsPixels) {
  for (const auto& [dtype, k] :
       {std::pair{DType::bf16, 16}, {DType::bf16, 64}, {DType::f32, 16}, {DType::f32, 32}}) {
    const Conv3dProblem p = dense({.dtype = dtype,
                                   .h = 64,
                                   .w = 64,
                                   .c = 3,
                                   .k = k,
                                   .kh = 7,
                                   .kw = 7,
                                   .stride = {1, 2, 2},
                                   .pad = {0, 3, 3}});
    const simt::Counts counts = counts_of(Pass::forward, "stem", p);
    const int64_t size = int64_t(size_of(dtype)), x = int64_t{p.h} * p.w * p.c * size;
    const int64_t w = int64_t{p.k} * p.kh * p.kw * p.c * size, packed = p.k * 7 * 32 * size;
    const int64_t tiles = p.out_pixels() / 128;
    EXPECT_LE(counts.global_load_bytes, x * 21 / 10 + w + tiles * packed);
    EXPECT_EQ(counts.global_store_bytes, p.out_pixels() * p.k * size + packed);
    EXPECT_EQ(counts.bank_conflicts, 0);
  }
}

// Windows over time cost no more of x: all taps see one patch.
TEST(Conv3dTraffic, AStemsWeightGradientReadsLittleMoreThanEachFramesPixels) {
  for (const auto& [dtype, row] : {std::pair{DType::bf16, "stem"},
                                   {DType::f16, "stem"},
                                   {DType::f32, "stem"},
                                   {DType::f32, "stem_tf32"}}) {
    SCOPED_TRACE(cat(row, ' ', name_of(dtype)));
    const Conv3dProblem p = dense({.dtype = dtype,
                                   .t = 4,
                                   .h = 64,
                                   .w = 64,
                                   .c = 3,
                                   .k = 8,
                                   .kt = 5,
                                   .kh = 7,
                                   .kw = 7,
                                   .stride = {1, 2, 2},
                                   .pad = {2, 3, 3},
                                   .tf32 = true});
    const simt::Counts counts = counts_of(Pass::weight, row, p);
    const int64_t size = int64_t(size_of(dtype)), x = int64_t{p.t} * p.h * p.w * p.c * size;
    const int64_t dy = p.out_pixels() * p.k * size, dw = int64_t{p.k} * 5 * 7 * 7 * p.c * 4;
    // A frame of x is seen by 3, 4, 4 and 3 frames of dy; tiles have 8 x 16 pixels, each a part.
    const int64_t tiles = p.out_pixels() / 128, seen = 14;
    EXPECT_LE(counts.global_load_bytes, x * 21 / 10 + dy / p.t * seen + tiles * dw);
    EXPECT_EQ(counts.global_store_bytes, (tiles + 1) * dw);
    EXPECT_EQ(counts.bank_conflicts, 0);
    // 3 warps have 16 columns (tap, channel) each, of which 40 count; 32 values for 21.
    EXPECT_EQ(counts.tensor_core_fma + counts.fma, tiles * 128 * 48 * 7 * 32);
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
  const simt::Counts depthwise = counts_of(Pass::forward, "depthwise", p);
  const simt::Counts direct = counts_of(Pass::forward, "direct", p);
  // Eight values a load, and weights once a block of 64 pixels in place of once a pixel.
  EXPECT_LE(depthwise.global_loads * 12, direct.global_loads);
  EXPECT_EQ(depthwise.fma, direct.fma);
  EXPECT_EQ(depthwise.global_store_bytes, 32 * depthwise.global_store_sectors);
}

}  // namespace
}  // namespace sf
