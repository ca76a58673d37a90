// A pipeline of asynchronous copies with one thing wrong at a time: y = the sums of three
// neighbouring rows of x (rows outside are zeros), a row a slice, as a convolution does.
#include <limits>
#include <numeric>

#include "tests/simt/defects/defect.h"

namespace sf::simt {
namespace {

constexpr int kRow = 128, kRows = 7, kStages = 3;  // a thread sums one value of a row

enum class Bug { none, wait, commit, barrier_after_wait, barrier_before_reuse, padding };

template <Bug kBug>
__global__ void neighbours_kernel(const float* x, float* y) {
  float* stages = dynamic_shared<float>();
  const int row = int(blockIdx.x), thread = int(threadIdx.x), taps = 3;
  const auto copy = [&](int tap) {
    if (thread >= kRow / 4) return;  // four values a copy
    const int from = row + tap - 1;
    const bool inside = from >= 0 && from < kRows;
    async_copy<16>(stages + tap % kStages * kRow + 4 * thread, x + from * kRow + 4 * thread,
                   kBug == Bug::padding || inside);
  };
  for (int tap = 0; tap < kStages - 1; ++tap) {
    copy(tap);
    if (kBug != Bug::commit) async_copy_commit();
  }
  float sum = 0;
  for (int tap = 0; tap < taps; ++tap) {
    async_copy_wait<kBug == Bug::wait ? kStages - 1 : kStages - 2>();
    if (kBug != Bug::barrier_after_wait) __syncthreads();
    if (tap + kStages - 1 < taps) copy(tap + kStages - 1);
    async_copy_commit();
    // Another thread's values: what is copied is not what is summed.
    sum += stages[tap % kStages * kRow + (thread + 77) % kRow];
  }
  y[row * kRow + (thread + 77) % kRow] = sum;
}

// The three rows go through one stage.
template <Bug kBug>
__global__ void one_stage_kernel(const float* x, float* y) {
  float* stage = dynamic_shared<float>();
  const int thread = int(threadIdx.x);
  float sum = 0;
  for (int row = 0; row < 3; ++row) {
    if (thread < kRow / 4) async_copy<16>(stage + 4 * thread, x + row * kRow + 4 * thread);
    async_copy_commit();
    async_copy_wait<0>();
    __syncthreads();
    sum += stage[(thread + 77) % kRow];
    if (kBug != Bug::barrier_before_reuse) __syncthreads();
  }
  y[(thread + 77) % kRow] = sum;
}

// x between rows of NaN, which reading outside would show.
std::vector<float> padded_rows() {
  std::vector<float> x((kRows + 2) * kRow, std::numeric_limits<float>::quiet_NaN());
  for (int i = 0; i < kRows * kRow; ++i) x[kRow + i] = float(i % 101);
  return x;
}

std::vector<float> wanted(int first, int rows) {
  std::vector<float> y(rows * kRow);
  for (int i = 0; i < rows * kRow; ++i)
    for (int tap = -1; tap <= 1; ++tap) {
      const int row = first + i / kRow + tap;
      if (row >= 0 && row < kRows) y[size_t(i)] += float((row * kRow + i % kRow) % 101);
    }
  return y;
}

template <Bug kBug>
bool pipeline_is_right() {
  const auto x = padded_rows();
  return right_in_every_order(
      [&] {
        std::vector<float> y(kRows * kRow);
        launch(neighbours_kernel<kBug>, kRows, kRow, kStages * kRow * sizeof(float), {},
               x.data() + kRow, y.data());
        return y;
      },
      wanted(0, kRows));
}

template <Bug kBug>
bool one_stage_is_right() {
  const auto x = padded_rows();
  return right_in_every_order(
      [&] {
        std::vector<float> y(kRow);
        launch(one_stage_kernel<kBug>, 1, kRow, kRow * sizeof(float), {}, x.data() + kRow,
               y.data());
        return y;
      },
      wanted(1, 1));
}

TEST(Defects, AnAsynchronousCopyThatIsNotWaitedForShows) {
  EXPECT_TRUE(pipeline_is_right<Bug::none>());
  EXPECT_FALSE(pipeline_is_right<Bug::wait>());
  EXPECT_FALSE(pipeline_is_right<Bug::commit>());
}

TEST(Defects, AnAsynchronousCopyOfAnotherThreadNeedsABarrier) {
  EXPECT_FALSE(pipeline_is_right<Bug::barrier_after_wait>());
}

TEST(Defects, AStageThatIsStillReadMustNotBeFilled) {
  EXPECT_TRUE(one_stage_is_right<Bug::none>());
  EXPECT_FALSE(one_stage_is_right<Bug::barrier_before_reuse>());
}

TEST(Defects, ADroppedPaddingPredicateShows) { EXPECT_FALSE(pipeline_is_right<Bug::padding>()); }

template <int kOffset>
__global__ void copy_kernel(const float* x) {
  float* shared = dynamic_shared<float>();
  async_copy<16>(shared, x + kOffset);
}

template <int kOffset>
__global__ void copy_into_kernel(const float* x) {
  float* shared = dynamic_shared<float>();
  async_copy<16>(shared + kOffset, x);
}

TEST(Defects, AMisplacedAsynchronousCopyIsReported) {
  alignas(16) const float x[8] = {};
  EXPECT_EQ(report_of([&] { launch(copy_kernel<4>, 1, 1, 32, {}, x); }), "");
  EXPECT_REPORT(launch(copy_kernel<1>, 1, 1, 32, {}, x), "access of 16 bytes at an address");
  EXPECT_REPORT(launch(copy_into_kernel<2>, 1, 1, 32, {}, x), "access of 16 bytes at an address");
  EXPECT_REPORT(launch(copy_into_kernel<8>, 1, 1, 32, {}, x),
                "access at byte 32 of the block's 32 bytes of shared memory");
}

}  // namespace
}  // namespace sf::simt
