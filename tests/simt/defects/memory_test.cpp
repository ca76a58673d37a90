// Memory that a kernel must not touch, or that nobody has written.
#include <numeric>

#include "kernels/simt/address_sanitizer.h"
#include "tests/simt/defects/defect.h"

namespace sf::simt {
namespace {

template <bool kInitialized>
__global__ void histogram_kernel(float* y) {
  float* shared = dynamic_shared<float>();
  if (kInitialized) shared[threadIdx.x] = 0;
  __syncthreads();
  atomic_add(&shared[threadIdx.x % 4], 1.0F);
  __syncthreads();
  y[threadIdx.x] = shared[threadIdx.x];
}

template <bool kInitialized>
std::vector<float> histogram() {
  std::vector<float> y(8);
  launch(histogram_kernel<kInitialized>, 1, 8, 8 * sizeof(float), {}, y.data());
  return y;
}

TEST(Defects, UninitializedSharedMemoryShows) {
  const std::vector<float> wanted{2, 2, 2, 2, 0, 0, 0, 0};
  EXPECT_TRUE(right_in_every_order(histogram<true>, wanted));
  EXPECT_FALSE(right_in_every_order(histogram<false>, wanted));
}

template <int kPast>
__global__ void write_shared_kernel() {
  dynamic_shared<float>()[int(threadIdx.x) + kPast] = 1;
}

template <int kPast>
void write_shared() {
  launch(write_shared_kernel<kPast>, 1, 32, 32 * sizeof(float), {});
}

TEST(Defects, AWriteBesideSharedMemoryIsReported) {
  EXPECT_EQ(report_of(write_shared<0>), "");
  if constexpr (kAddressSanitizer) {
    EXPECT_DEATH(write_shared<1>(), "AddressSanitizer");
    EXPECT_DEATH(write_shared<-1>(), "AddressSanitizer");
  } else {
    EXPECT_REPORT(write_shared<1>(), "wrote beside the block's 128 bytes of shared memory");
    EXPECT_REPORT(write_shared<-1>(), "wrote beside the block's 128 bytes of shared memory");
  }
}

template <int kOffset>
__global__ void read_shared_kernel(float* y) {
  const auto v = load<4>(dynamic_shared<float>() + 4 * int(threadIdx.x) + kOffset);
  *y = v[0];
}

template <int kOffset>
void read_shared() {
  float y;
  launch(read_shared_kernel<kOffset>, 1, 8, 32 * sizeof(float), {}, &y);
}

TEST(Defects, AVectorOutsideSharedMemoryIsReported) {
  EXPECT_EQ(report_of(read_shared<0>), "");
  EXPECT_REPORT(read_shared<4>(), "access at byte 128 of the block's 128 bytes of shared memory");
  EXPECT_REPORT(read_shared<-4>(), "access at byte -16 of the block's 128 bytes");
}

TEST(Defects, AMisalignedVectorIsReported) {
  EXPECT_REPORT(read_shared<1>(), "access of 16 bytes at an address that is 4 beyond a multiple");
}

__global__ void load_matrix_kernel(const float* x) {
  uint32_t r[1];
  load_matrices(r, x + 4 * (lane_index() % 8));
}

TEST(Defects, AMatrixOutsideSharedMemoryIsReported) {
  alignas(16) const float x[32] = {};
  EXPECT_REPORT(launch(load_matrix_kernel, 1, 32, 64, {}, x),
                "row of a matrix outside the block's 64 bytes of shared memory");
}

// The last block has threads past the end.
template <bool kBound>
__global__ void double_kernel(const float* x, float* y, int n) {
  const auto i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (kBound && i >= n) return;
  auto v = load<1>(x + i);
  v[0] *= 2;
  store(y + i, v);
}

template <bool kBound>
void double_all(const std::vector<float>& x, std::vector<float>& y, int n) {
  launch(double_kernel<kBound>, ceil_div(n, 32), 32, 0, {}, x.data(), y.data(), n);
}

TEST(Defects, ADroppedBoundShows) {
  constexpr int kN = 50;
  const size_t room = kAddressSanitizer ? kN : 64;  // the guards of the tests of kernels
  std::vector<float> x(room, 1), y(room, -1), wanted(room, -1);
  std::fill_n(wanted.begin(), kN, 2.0F);
  double_all<true>(x, y, kN);
  EXPECT_EQ(y, wanted);
  if constexpr (kAddressSanitizer) {
    EXPECT_REPORT(double_all<false>(x, y, kN), "AddressSanitizer forbids");
  } else {
    double_all<false>(x, y, kN);
    EXPECT_NE(y, wanted);
  }
}

__global__ void idle_kernel() {}

TEST(Defects, ALaunchOutsideTheLimitsIsReported) {
  EXPECT_EQ(report_of([] { launch(idle_kernel, 1, 1024, size_t(227) << 10, {}); }), "");
  EXPECT_REPORT(launch(idle_kernel, 1, 1025, 0, {}),
                "wanted threads of a block in [1, 1024], found 1025");
  EXPECT_REPORT(launch(idle_kernel, 0, 32, 0, {}), "wanted a grid.x in [1, 2147483647], found 0");
  EXPECT_REPORT(launch(idle_kernel, dim3(1, 65536), 32, 0, {}), "wanted a grid.y");
  EXPECT_REPORT(launch(idle_kernel, 1, 32, (size_t(227) << 10) + 1, {}), "shared memory");
}

}  // namespace
}  // namespace sf::simt
