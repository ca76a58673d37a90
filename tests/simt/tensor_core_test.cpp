// Tiles loaded and multiplied by a warp against the plain product, on integers, so bit for bit.
#include "kernels/base/tensor_core.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/async_copy.h"
#include "kernels/base/counter_rng.h"
#include "kernels/base/launch.h"

namespace sf::simt {
namespace {

constexpr int kM = 16, kN = 8, kK = 16;

// Rows of a and columns of b in shared memory, padded by a vector so that rows lie in other banks.
template <class T>
struct Tiles {
  static constexpr int kRow = kK + kVec<T>;
  T a[kM * kRow], b[kN * kRow];
};

template <class T>
void copy_rows(T* to, const T* from, int rows) {
  constexpr int kVectors = kK / kVec<T>;
  for (int i = lane_index(); i < rows * kVectors; i += kWarpSize) {
    const int row = i / kVectors, column = i % kVectors * kVec<T>;
    async_copy<16>(to + row * Tiles<T>::kRow + column, from + row * kK + column);
  }
}

inline void store_tile(const float (&d)[4], float* y) {
  const int g = lane_index() / 4, t = lane_index() % 4;
  for (int i = 0; i < 4; ++i) y[(g + i / 2 * 8) * kN + 2 * t + i % 2] = d[i];
}

// y = a b; a is kM x kK, b is given by columns.
template <class T>
__global__ void halves_kernel(const T* a, const T* b, float* y) {
  auto* tiles = dynamic_shared<Tiles<T>>();
  copy_rows(tiles->a, a, kM);
  copy_rows(tiles->b, b, kN);
  async_copy_commit();
  async_copy_wait<0>();
  __syncthreads();
  const int lane = lane_index();
  constexpr int kRow = Tiles<T>::kRow;
  uint32_t x[4], w[2];
  load_matrices(x, tiles->a + lane % 16 * kRow + lane / 16 * 8);
  load_matrices(w, tiles->b + lane % 8 * kRow + lane / 8 % 2 * 8);
  float d[4] = {};
  mma<T>(d, x, w);
  store_tile(d, y);
}

// The same with a given by columns (kK x kM) and b by rows (kK x kN): both loads transpose.
template <class T>
__global__ void transposed_kernel(const T* a, const T* b, float* y) {
  T* tile = dynamic_shared<T>();
  T *columns = tile, *rows = tile + kK * kM;
  const int lane = lane_index();
  async_copy<16>(columns + lane * 8, a + lane * 8);
  if (lane < 16) async_copy<16>(rows + lane * 8, b + lane * 8);
  async_copy_commit();
  async_copy_wait<0>();
  __syncthreads();
  uint32_t x[4], w[2];
  load_matrices<true>(x, columns + (lane % 8 + lane / 16 * 8) * kM + lane / 8 % 2 * 8);
  load_matrices<true>(w, rows + lane % 16 * kN);
  float d[4] = {};
  mma<T>(d, x, w);
  store_tile(d, y);
}

// Two by three tiles: tile (i, j) of y is that of rows 16 i of a and columns 8 j of b.
template <class T>
__global__ void block_kernel(const T* a, const T* b, float* y) {
  const int g = lane_index() / 4, t = lane_index() % 4;
  const auto word = [](const T* from) { return uint32_t(from[1].bits) << 16 | from[0].bits; };
  uint32_t x[2][4], w[3][2];
  for (int i = 0; i < 2; ++i)
    for (int e = 0; e < 4; ++e)
      x[i][e] = word(a + (16 * i + g + e % 2 * 8) * kK + 2 * t + e / 2 * 8);
  for (int j = 0; j < 3; ++j)
    for (int e = 0; e < 2; ++e) w[j][e] = word(b + (8 * j + g) * kK + 2 * t + e * 8);
  float d[2][3][4] = {};
  mma_block<T>(d, x, w);
  mma_block<T>(d, x, w);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j) store_tile(d[i][j], y + (i * 3 + j) * kM * kN);
}

__global__ void tf32_kernel(const float* a, const float* b, float* y) {
  const int g = lane_index() / 4, t = lane_index() % 4;
  float d[4] = {};
  for (int k = 0; k < kK; k += 8) {
    uint32_t x[4], w[2];
    for (int i = 0; i < 4; ++i) x[i] = to_tf32(a[(g + i % 2 * 8) * kK + k + t + i / 2 * 4]);
    for (int i = 0; i < 2; ++i) w[i] = to_tf32(b[g * kK + k + t + i * 4]);
    mma_tf32(d, x, w);
  }
  store_tile(d, y);
}

template <class T>
std::vector<T> integers(const char* key, int n) {
  const CounterRng rng(key);
  std::vector<T> values(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) values[size_t(i)] = T(float(int(rng.bits(uint64_t(i)) % 17) - 8));
  return values;
}

template <class T>
std::vector<T> transposed(const std::vector<T>& x, int rows, int columns) {
  std::vector<T> y(x.size());
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) y[j * rows + i] = x[i * columns + j];
  return y;
}

template <class T>
std::vector<float> product(const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<float> y(kM * kN);
  for (int m = 0; m < kM; ++m)
    for (int n = 0; n < kN; ++n)
      for (int k = 0; k < kK; ++k) y[m * kN + n] += float(a[m * kK + k]) * float(b[n * kK + k]);
  return y;
}

template <class T>
class Halves : public ::testing::Test {};
using HalfTypes = ::testing::Types<bf16, f16>;
TYPED_TEST_SUITE(Halves, HalfTypes);

TYPED_TEST(Halves, ATileIsTheProductInEveryOrder) {
  const auto a = integers<TypeParam>("a", kM * kK), b = integers<TypeParam>("b", kN * kK);
  for (const unsigned seed : {0, 1, 2}) {
    const ScopedSeed scoped(seed);
    std::vector<float> y(kM * kN);
    launch(halves_kernel<TypeParam>, 1, kWarpSize, sizeof(Tiles<TypeParam>), {}, a.data(), b.data(),
           y.data());
    EXPECT_EQ(y, product(a, b));
  }
}

TYPED_TEST(Halves, TransposedLoadsGiveTheSameTile) {
  const auto a = integers<TypeParam>("a", kM * kK), b = integers<TypeParam>("b", kN * kK);
  std::vector<float> y(kM * kN);
  launch(transposed_kernel<TypeParam>, 1, kWarpSize, (kM + kN) * kK * sizeof(TypeParam), {},
         transposed(a, kM, kK).data(), transposed(b, kN, kK).data(), y.data());
  EXPECT_EQ(y, product(a, b));
}

TYPED_TEST(Halves, ABlockOfTilesIsEachTile) {
  const auto a = integers<TypeParam>("a", 2 * kM * kK), b = integers<TypeParam>("b", 3 * kN * kK);
  std::vector<float> y(6 * kM * kN);
  launch(block_kernel<TypeParam>, 1, kWarpSize, 0, {}, a.data(), b.data(), y.data());
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j) {
      const std::vector<TypeParam> rows(a.begin() + i * kM * kK, a.begin() + (i + 1) * kM * kK),
          columns(b.begin() + j * kN * kK, b.begin() + (j + 1) * kN * kK);
      auto wanted = product(rows, columns);
      for (float& v : wanted) v *= 2;
      const auto* tile = y.data() + (i * 3 + j) * kM * kN;
      EXPECT_EQ(std::vector<float>(tile, tile + kM * kN), wanted) << i << ", " << j;
    }
}

TEST(HalfValues, SubnormalsInfinitiesAndNanReachTheProduct) {
  std::vector<f16> a(kM * kK), b(kN * kK, f16(0.0F));
  for (auto& h : a) h = f16(0.0F);
  b[0] = f16(1.0F);
  const float values[] = {0x1p-24F, -0x3FFp-24F, 65504, INFINITY, -INFINITY, NAN, -0x1p-14F};
  for (size_t m = 0; m < std::size(values); ++m) a[m * kK] = f16(values[m]);
  std::vector<float> y(kM * kN);
  launch(halves_kernel<f16>, 1, kWarpSize, sizeof(Tiles<f16>), {}, a.data(), b.data(), y.data());
  for (size_t m = 0; m < std::size(values); ++m)
    EXPECT_TRUE(y[m * kN] == values[m] || (std::isnan(y[m * kN]) && std::isnan(values[m])))
        << y[m * kN] << " for " << values[m];
}

TEST(Tf32, ATileIsTheProduct) {
  const auto a = integers<float>("a", kM * kK), b = integers<float>("b", kN * kK);
  std::vector<float> y(kM * kN);
  launch(tf32_kernel, 1, kWarpSize, 0, {}, a.data(), b.data(), y.data());
  EXPECT_EQ(y, product(a, b));
}

TEST(Tf32, RoundsToTenBitsOfMantissaTiesAwayFromZero) {
  EXPECT_EQ(float_of(to_tf32(1 + 0x1p-11F)), 1 + 0x1p-10F);
  EXPECT_EQ(float_of(to_tf32(-1 - 0x1p-11F)), -1 - 0x1p-10F);
  EXPECT_EQ(float_of(to_tf32(1 + 0x1p-12F)), 1);
  EXPECT_EQ(float_of(to_tf32(INFINITY)), INFINITY);
}

TEST(Tf32, TheProductReadsTenBitsOfMantissa) {
  std::vector<float> a(kM * kK), b(kN * kK), y(kM * kN);
  a[0] = 1;
  b[0] = 1 + 0x1p-10F;
  launch(tf32_kernel, 1, kWarpSize, 0, {}, a.data(), b.data(), y.data());
  EXPECT_EQ(y[0], 1 + 0x1p-10F);
}

}  // namespace
}  // namespace sf::simt
